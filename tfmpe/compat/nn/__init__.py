"""Mirror of the legacy package ``sfmpe.nn`` (extra ``flow``)."""

import tfmpe.compat._needs_flow  # noqa: F401
