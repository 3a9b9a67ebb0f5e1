"""Benchmarks of the legacy code against the new code: `tfmpe bench`.

`cases` is the table of what is measured; `run` goes through it: what a side
returns is compared first and timed only then (`measure`); `table` shows it.
The old side (`old_side`) is the plain oracle, or an installed package. Nothing
is imported here, so that the command line starts at once.
"""
