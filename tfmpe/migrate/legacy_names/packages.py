"""Names of the legacy package and of the bridge that replaces it."""

LEGACY = "sfmpe"
"""The legacy package."""

BRIDGE = "tfmpe.compat"
"""The package with replacements for its modules, of the same names."""


def is_below(name: str, package: str) -> bool:
    """Return whether a dotted name is a package or within it."""
    return name == package or name.startswith(f"{package}.")


def as_legacy(name: str) -> str:
    """Return the legacy name for a name of the bridge, else the name."""
    return LEGACY + name[len(BRIDGE) :] if is_below(name, BRIDGE) else name


def as_bridge(name: str) -> str:
    """Return the bridge's name for a legacy name, else the name."""
    return BRIDGE + name[len(LEGACY) :] if is_below(name, LEGACY) else name
