"""Verification that the bridge returns the same results as legacy code.

`verify` replays a folder of recordings, `one_file` each of them, `processes`
those that need flags of their own; `table` prints what was found.
"""
