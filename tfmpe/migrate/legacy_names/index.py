"""All public names of the legacy package, and finding one."""

from .data import DATA
from .entry import LEGACY, LegacyName
from .flows import FLOWS

__all__ = ["MODULES", "NAMES", "lookup"]

NAMES: dict[str, LegacyName] = {
    entry.qualified: entry for entry in (*DATA, *FLOWS)
}
"""All names, by the full legacy name."""

MODULES: tuple[str, ...] = (
    LEGACY,
    *(
        f"{LEGACY}.{name}"
        for name in (
            "bottom_up",
            "fmpe",
            "nn",
            "nn.transformer",
            "nn.transformer.transformer",
            "sfmpe",
            "structured_cnf",
            "svf",
            "util",
            "util.dataloader",
            "utils",
        )
    ),
)
"""The legacy modules that the bridge mirrors."""


def lookup(qualified: str) -> LegacyName | None:
    """Return what is known of a full legacy name, or None.

    Parameters
    ----------
    qualified
        Such as ``'sfmpe.util.dataloader.flatten_structured'``. Names that a
        package shows as well, such as ``'sfmpe.nn.transformer.Transformer'``,
        are found by the last part.

    Returns
    -------
    LegacyName or None

    Examples
    --------
    >>> lookup("sfmpe.utils.split_data").code
    'T110'
    >>> lookup("sfmpe.utils.no_such_name") is None
    True
    """
    if qualified in NAMES:
        return NAMES[qualified]
    package, _, name = qualified.rpartition(".")
    for entry in NAMES.values():
        shown_by = f"{LEGACY}.{entry.module}."
        if entry.name == name and shown_by.startswith(f"{package}."):
            return entry
    return None
