"""Legacy names that have another form on Tokens, and finding one."""

from .data import DATA
from .entry import LEGACY, LegacyName
from .flows import FLOWS
from .surface import is_mirrored

__all__ = ["NAMES", "lookup"]

NAMES: dict[str, LegacyName] = {
    entry.qualified: entry for entry in (*DATA, *FLOWS)
}
"""All names, by the full legacy name."""


def lookup(qualified: str) -> LegacyName | None:
    """Return what is known of a full legacy name, or None.

    Parameters
    ----------
    qualified
        Such as ``'sfmpe.util.dataloader.flatten_structured'``. Names that
        another module shows as well, such as ``'sfmpe.bottom_up.SFMPE'``,
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
        if entry.name == name and (
            shown_by.startswith(f"{package}.") or is_mirrored(qualified)
        ):
            return entry
    return None
