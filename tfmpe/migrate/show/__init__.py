"""Formats of numbers, names and tables in what commands print."""
