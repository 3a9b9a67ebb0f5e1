"""Dimensions of a key: its event axes, by number or name, and its groups.

Every token has a coordinate along a dimension: its index along an event axis
or, in a ragged key, its entry of a :class:`GroupIndex`.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int32

from tfmpe._base.errors import nearest, raise_faults

from .groups import GroupIndex
from .independence import CrossLocal
from .layout import KeyLayout


def matched_dims(rule: CrossLocal) -> tuple[int | str, int | str] | None:
    """Return the dimensions that a rule matches, or None for positions."""
    if isinstance(rule.dims, str):
        return rule.dims, rule.dims
    return rule.dims


def dimension_names(key: KeyLayout) -> tuple[str, ...]:
    """Return the names of a key's axes, then the names of its groups."""
    return (*key.dims, *(group.name for group in key.groups))


def find_dimension(key: KeyLayout, dim: int | str) -> int | GroupIndex:
    """Return the number of an event axis, from 0, or a group index."""
    n_axes = len(key.event_shape)
    if isinstance(dim, str):
        if dim in key.dims:
            return key.dims.index(dim)
        for group in key.groups:
            if group.name == dim:
                return group
        names = dimension_names(key)
        known = (
            f"its dimensions are {list(names)}. {nearest(dim, names)}".rstrip()
            if names
            else "none of its dimensions has a name. Pass dims= or groups=."
        )
        raise ValueError(f"{key.name!r} has no dimension {dim!r}; {known}")
    if not -n_axes <= dim < n_axes:
        raise ValueError(
            f"{key.name!r} has no dimension {dim}; its event shape is "
            f"{key.event_shape}."
        )
    return dim % n_axes


def dimension_size(key: KeyLayout, dim: int | str) -> int:
    """Return the number of coordinates along a dimension."""
    found = find_dimension(key, dim)
    return key.event_shape[found] if isinstance(found, int) else found.size


def token_coordinates(
    key: KeyLayout, dim: int | str
) -> Int32[np.ndarray, " tokens"]:
    """Return the coordinate of every token along a dimension."""
    found = find_dimension(key, dim)
    if not isinstance(found, int):
        return found.ids
    shape = key.event_shape
    along = np.arange(shape[found], dtype=np.int32)
    trailing = len(shape) - 1 - found
    return np.broadcast_to(along.reshape(-1, *[1] * trailing), shape).ravel()


def check_dimensions(keys: Iterable[KeyLayout]) -> None:
    """Check that a name occurs once per key, and has one size in all keys."""
    faults: list[str] = []
    first: dict[str, tuple[str, int]] = {}
    for key in keys:
        names = dimension_names(key)
        if twice := sorted({n for n in names if names.count(n) > 1}):
            faults.append(f"{key.name!r} names {twice} more than once")
        for name in dict.fromkeys(names):
            size = dimension_size(key, name)
            owner, known = first.setdefault(name, (key.name, size))
            if known != size:
                faults.append(
                    f"{name!r} has size {known} in {owner!r} but {size} in "
                    f"{key.name!r}"
                )
    raise_faults(ValueError, "Named dimensions do not fit", faults)
