"""Descriptions of the differences between two layouts."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from .layout import KeyLayout, TokenLayout

Parts: TypeAlias = Mapping[str, Callable[[KeyLayout], object]]

_ALWAYS: Parts = {
    "label": lambda key: key.label,
    "batch shape": lambda key: key.batch_shape,
    "number of functional inputs": lambda key: key.n_inputs,
    "list of axis names": lambda key: list(key.dims),
}
EXACT: Parts = MappingProxyType(
    {
        **_ALWAYS,
        "event shape": lambda key: key.event_shape,
        "list of groups": lambda key: list(key.groups),
    }
)
"""All parts of a layout, for exact comparison."""

JOINABLE: Parts = MappingProxyType(
    {
        **_ALWAYS,
        "number of event axes": lambda key: len(key.event_shape),
        "list of group names": lambda key: [g.name for g in key.groups],
    }
)
"""Parts that must be equal to join Tokens: all except sizes and order."""

LIKE_TRAINING: Parts = MappingProxyType(
    {n: _ALWAYS[n] for n in ("batch shape", "number of functional inputs")}
)
"""Parts that a network needs as they were in training."""


def difference(
    what: str, a: object, b: object, names: tuple[str, str]
) -> list[str]:
    """Return a sentence that states ``a`` and ``b``, if they differ."""
    if a == b:
        return []
    return [f"{what} is {a} in {names[0]}, {b} in {names[1]}"]


def key_differences(
    a: TokenLayout,
    b: TokenLayout,
    keys: Iterable[str],
    names: tuple[str, str],
    parts: Parts,
) -> list[str]:
    """Return a sentence for every difference between some keys."""
    found: list[str] = []
    for key in keys:
        for what, part in parts.items():
            found += difference(
                f"the {what} of {key!r}", part(a[key]), part(b[key]), names
            )
    return found


def layout_differences(
    a: TokenLayout, b: TokenLayout, names: tuple[str, str], parts: Parts
) -> list[str]:
    """Return a sentence for every difference between two layouts."""
    mine, theirs = list(a.names), list(b.names)
    if parts is JOINABLE and set(mine) == set(theirs):
        mine = theirs
    if mine != theirs:
        return difference("the list of keys", mine, theirs, names)
    return key_differences(a, b, theirs, names, parts) + difference(
        "the set of rules",
        a.independence.to_dict(),
        b.independence.to_dict(),
        names,
    )
