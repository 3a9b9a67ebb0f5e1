"""Verification that the bridge returns the same results as legacy code.

`verify` replays a folder of recordings, `one_file` a single one, `processes`
those that need other flags; `table` prints the result.
"""
