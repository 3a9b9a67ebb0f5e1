"""Names of the legacy package and of the bridge that replaces it."""

LEGACY = "sfmpe"
"""The legacy package."""

BRIDGE = "tfmpe.compat"
"""The package that replaces it, with modules of the same names."""


def is_below(name: str, package: str) -> bool:
    """Return whether a dotted name is the package or inside it."""
    return name == package or name.startswith(f"{package}.")


def as_legacy(name: str) -> str:
    """Return the legacy name of a bridge name; keep other names unchanged."""
    return LEGACY + name[len(BRIDGE) :] if is_below(name, BRIDGE) else name


def as_bridge(name: str) -> str:
    """Return the bridge name of a legacy name; keep other names unchanged."""
    return BRIDGE + name[len(LEGACY) :] if is_below(name, LEGACY) else name
