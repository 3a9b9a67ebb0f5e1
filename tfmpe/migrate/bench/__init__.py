"""Benchmarks of the legacy code against the new code: `tfmpe bench`.

`cases` lists the measurements and `run` goes through them: `measure` compares
the results of the sides and times those that agree; `table` prints the
numbers. The old side (`old_side`) is the oracle or an installed package. The
imports are lazy, so that the command line starts quickly.
"""
