"""One page on a migration: what was found, seen, compared, and is left.

``reading`` takes the json files of the other commands, ``content`` joins them
and documents the json form, ``html`` writes the page.
"""
