"""Proving that the bridge returns what the legacy package returned.

Stored legacy calls (`recordings`) are replayed through `tfmpe.compat`
(`replay`), what comes back is compared with what was stored, to the bit
(`compare`), and the whole is reported (`verify`). On a command line it is
`tfmpe verify`.

Nothing is imported here, so that a reader of recordings does not pay for
what it does not use.
"""
