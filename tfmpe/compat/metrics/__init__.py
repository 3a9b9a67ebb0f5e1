"""Mirror of the legacy package ``sfmpe.metrics``."""

from tfmpe.compat._lazy import lazily

__getattr__, __dir__ = lazily(__name__)
