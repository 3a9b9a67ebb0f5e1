"""The second half of the bridge: sampling and training, by the new engine.

Needs the extra ``flow``; importing it without says so.
"""

from tfmpe.preprocessing._extras import import_extra

for _module in ("flax", "optax", "diffrax"):
    import_extra(
        _module,
        "flow",
        f"tfmpe.compat needs {_module} for sampling and training",
    )
