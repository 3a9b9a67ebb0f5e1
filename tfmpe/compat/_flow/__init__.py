"""The second half of the bridge: sampling and training, by the new engine."""

import tfmpe.compat._needs_flow  # noqa: F401
