"""Stored legacy calls: their arguments, and their results or exceptions.

A recording is a JSON file of `cases`, whose values are `nodes`, and an npz
file of `arrays`; `read` reads and `write` writes it. The `manifest` lists all
files with checksums, and the `fingerprint` what their numbers depend on. Files
are not trusted, and nothing in them is executed.
"""
