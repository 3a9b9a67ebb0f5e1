"""Sampling and training of legacy models by the new engine."""

import tfmpe.compat._needs_flow  # noqa: F401
