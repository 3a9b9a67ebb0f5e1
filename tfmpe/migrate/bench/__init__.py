"""Measuring the legacy way against the new one: `tfmpe bench`.

A case (`cases`) is one task, done by several sides for growing numbers of
sites: the legacy way (`legacy`: the plain oracle of the tests, or an
installed package), the core, the bridge. What a side returns is compared
first (`agreement`) and timed only then (`timing`); `run` goes through all
cases, `report` holds what was found, `table` and `picture` show it.

Nothing is imported here, so that the command line starts at once.
"""
