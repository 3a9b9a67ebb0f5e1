"""Proving that the bridge returns what the legacy package returned.

`verify` replays a folder of recordings, `one_file` each of them, `processes`
those that need flags of their own; `table` prints what was found.
"""
