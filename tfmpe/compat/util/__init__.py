"""Mirror of the legacy package ``sfmpe.util``."""

from tfmpe.compat._lazy import lazily

__getattr__, __dir__ = lazily(__name__)
