"""Proving that the bridge returns what the legacy package returned.

`verify` replays a folder of recordings, `report` holds what was found, and
`table` prints it; `calibration` measures how far the legacy side is from
itself. On a command line it is ``tfmpe verify``.

Nothing is imported here, so that the command line starts at once.
"""
