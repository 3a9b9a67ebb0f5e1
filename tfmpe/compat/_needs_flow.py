"""Check for the extra ``flow``: importing this without it says so."""

from tfmpe.preprocessing._extras import import_extra

for _module in ("flax", "optax", "diffrax"):
    import_extra(
        _module,
        "flow",
        f"tfmpe.compat needs {_module} for networks, sampling and training",
    )
