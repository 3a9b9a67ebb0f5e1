"""Making a recorded call again, and comparing what it comes to.

`replay` calls the bridge (`targets`, `calls`), `compare` says what is not the
same, to the bit (`comparison`). Calls of a flow are made on a network with
recorded weights or a field in closed form (`flow_calls`, `fields`). The plain
oracle of the tests (`oracle`) can stand for the legacy package.

Nothing is imported here, so that the command line starts at once.
"""
