"""Stored legacy calls: their arguments, and their results or exceptions.

`read` reads a recording, a json of `cases` whose `nodes` are values, with an
npz of `arrays` beside it; `write` writes one. The `manifest` lists all files
with their checksums, and the `fingerprint` says what their numbers depend on.
Files are not trusted, and nothing in them is executed.
"""
