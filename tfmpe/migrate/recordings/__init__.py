"""Stored legacy calls: what went in, and what came out or was raised.

A recording is a json (`read`) of nodes (`nodes`) with an npz of arrays
(`arrays`) beside it; the manifest lists all files with their checksums, and
the fingerprint says what their numbers depend on. Files are not trusted, and
nothing in them is executed.

Nothing is imported here, so that the command line starts at once.
"""
