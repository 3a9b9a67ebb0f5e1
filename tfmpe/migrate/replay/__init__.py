"""Making a recorded call again, and comparing what it comes to.

`replay` calls the bridge, or the plain oracle of the tests (`oracle`);
`compare` says what is not the same, to the bit.

Nothing is imported here, so that the command line starts at once.
"""
