"""Import check for the extra ``flow``, with a clear error if it is missing."""

from tfmpe._base.extras import import_extra

for _module in ("flax", "optax", "diffrax"):
    import_extra(
        _module,
        "flow",
        f"tfmpe.compat needs {_module} for networks, sampling and training",
    )

# For modules that may be imported before this check has run.
import optax as optax  # noqa: E402
from flax import nnx as nnx  # noqa: E402
