"""Mirror of the legacy package ``sfmpe.metrics`` (extra ``flow``)."""

import tfmpe.compat._needs_flow  # noqa: F401
from tfmpe.compat._lazy import lazily

__getattr__, __dir__ = lazily(__name__)
