"""What is legacy by its name, and which names nobody else has."""

import re
from functools import cache
from types import ModuleType

from tfmpe.migrate.legacy_names import (
    BRIDGE,
    LEGACY,
    MODULES,
    NAMES,
    LegacyName,
    is_mirrored,
    lookup,
)

__all__ = [
    "EVERY_MODULE_HAS",
    "FEWEST",
    "FUNCTIONS_ONLY_LEGACY",
    "IN_TEXT",
    "ONLY_LEGACY",
    "canonical",
    "entry_of",
    "has_same_name",
    "is_legacy",
    "is_module",
    "mentions",
    "modern",
    "of_bridge",
    "telling_method",
]

EVERY_MODULE_HAS = frozenset(
    {*dir(ModuleType), *vars(ModuleType("")), "__file__", "__path__"}
)
"""What can be asked of a module, whatever is in it."""

FUNCTIONS_ONLY_LEGACY = frozenset(
    entry.name
    for entry in NAMES.values()
    if entry.code in ("T101", "T102", "T103", "T104", "T105", "T109")
)
"""Functions that no other package has."""

ONLY_LEGACY = FUNCTIONS_ONLY_LEGACY | {
    entry.name.removeprefix("SFMPE.")
    for entry in NAMES.values()
    if entry.name.startswith(("SFMPE.sample_", "SFMPE.log_prob_"))
}
"""Last parts of names that no other package has."""

FEWEST = 9
"""Fewer positional arguments may be those of any distribution."""

_TELLING = frozenset(
    name
    for name in NAMES[
        f"{LEGACY}.structured_cnf.StructuredCNF.sample"
    ].parameters
    if re.match("(context|theta)_(label|index|mask|shape)", name)
)

_MENTION = re.compile(
    rf"\b(?:{LEGACY}|{'|'.join(sorted(ONLY_LEGACY | _TELLING))})\b"
)
_BRIDGE_PARTS = [re.compile(rf"\b{part}\b") for part in BRIDGE.split(".")]

IN_TEXT = re.compile(rf"\b(?:{LEGACY}|{re.escape(BRIDGE)})\b")
"""A legacy package in any text."""


def mentions(text: str) -> bool:
    """Whether a text can have a site of its own."""
    return bool(_MENTION.search(text)) or all(
        part.search(text) for part in _BRIDGE_PARTS
    )


def of_bridge(name: str) -> bool:
    """Whether a dotted name is below the bridge."""
    return name == BRIDGE or name.startswith(f"{BRIDGE}.")


def is_legacy(name: str) -> bool:
    """Whether a dotted name is below the legacy package or the bridge."""
    return of_bridge(name) or name.split(".")[0] == LEGACY


def _as_legacy(name: str) -> str:
    return LEGACY + name[len(BRIDGE) :] if of_bridge(name) else name


@cache
def entry_of(name: str) -> LegacyName | None:
    """Return what is known of a dotted name, legacy or of the bridge."""
    return lookup(_as_legacy(name))


def has_same_name(name: str) -> bool:
    """Whether the bridge has all that a dotted legacy name stands for."""
    # Methods of a class that has an entry are listed one by one.
    listed = entry_of(name.rpartition(".")[0])
    return is_module(name) or (is_mirrored(_as_legacy(name)) and not listed)


def is_module(name: str) -> bool:
    """Whether a dotted name is a module of the legacy package."""
    return _as_legacy(name) in MODULES


def canonical(name: str) -> str:
    """Return the name with the module that defines it, where known."""
    entry = entry_of(name)
    if entry is None or is_module(name):
        return name
    return entry.bridge if of_bridge(name) else entry.qualified


def modern(module: str) -> str:
    """Return what a legacy module is called in the bridge."""
    return BRIDGE + module[len(LEGACY) :]


def telling_method(
    name: str, n_positional: int, keywords: frozenset[str]
) -> str | None:
    """Return which legacy method a call must be, by its arguments alone.

    Parameters
    ----------
    name
        Of the method.
    n_positional
        How many arguments have no keyword.
    keywords
        The keywords of the others.

    Returns
    -------
    str or None
        Its full name, as `sample` of other packages takes neither nine
        arguments nor these keywords.
    """
    entry = NAMES.get(f"{LEGACY}.structured_cnf.StructuredCNF.{name}")
    if entry is None:
        return None
    if n_positional >= FEWEST or keywords & _TELLING:
        return entry.qualified
    return None
