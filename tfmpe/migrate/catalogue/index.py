"""Finding entries by what a user types."""

import difflib
import itertools

from .defects import DEFECTS
from .entry import Entry
from .rules import RULES

__all__ = ["CATALOGUE", "LISTED", "find", "nearest"]

CATALOGUE: dict[str, Entry] = {e.code: e for e in (*RULES, *DEFECTS)}
"""All entries by their code: the rules, then the defects."""

LISTED: tuple[Entry, ...] = tuple(
    entry for entry in CATALOGUE.values() if entry.name != "not-assigned"
)
"""Those that lists show; a number that no defect has is not among them."""


def find(wanted: str) -> Entry | None:
    """Return the entry of a code or a name, in any case of letters.

    Parameters
    ----------
    wanted
        Such as ``'T101'``, ``'l19'`` or ``'repeated-noise'``.

    Returns
    -------
    Entry or None

    Examples
    --------
    >>> find("l19").name
    'repeated-noise'
    >>> find("T1") is None
    True
    """
    if wanted.upper() in CATALOGUE:
        return CATALOGUE[wanted.upper()]
    for entry in CATALOGUE.values():
        if entry.name == wanted.lower():
            return entry
    return None


def nearest(wanted: str, n: int = 3) -> list[str]:
    """Return the codes and names that look most like what was typed.

    Examples
    --------
    >>> nearest("repeated-noises", 1)
    ['repeated-noise']
    >>> nearest("T1011", 1)
    ['T101']
    """
    names = [entry.name for entry in CATALOGUE.values()]
    return [
        *_close(wanted.upper(), list(CATALOGUE)),
        *_close(wanted.lower(), names),
    ][:n]


def _close(wanted: str, known: list[str]) -> list[str]:
    # Codes are short and look alike: those that begin alike come first.
    def n_equal(name: str) -> int:
        pairs = zip(wanted, name, strict=False)
        return len(list(itertools.takewhile(lambda p: p[0] == p[1], pairs)))

    found = difflib.get_close_matches(wanted, known, len(known))
    return sorted(found, key=n_equal, reverse=True)
