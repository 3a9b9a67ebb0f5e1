"""Names for the axes of a layout, for tables and files that want them.

Event axes are ``{key}_dim_{i}``, as ArviZ names them; axes that a rule ties
together are one axis with one name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tfmpe.preprocessing._layout import KeyLayout, TokenLayout
from tfmpe.preprocessing._trees import SEPARATOR

_Axis = tuple[str, int]


def axis_names(root: TokenLayout, given: Any) -> dict[str, tuple[str, ...]]:
    """Return the names of the axes after the sample axes, of every key."""
    if not isinstance(given, Mapping):
        raise TypeError(f"dims must be a mapping from keys, not {given!r}.")
    chosen: dict[_Axis, str] = {}
    batch_names = {}
    for key in root.keys:
        batch_names[key.name] = tuple(
            f"{without_slash(key.name)}_value_{i}" for i, _ in kept_batch(key)
        )
    for name, names in given.items():
        key, kept = root[name], kept_batch(root[name])
        n = len(key.event_shape)
        axes = f"event {key.event_shape}, batch {tuple(s for _, s in kept)}"
        names = checked_dims(names, f"dims of {name!r}", n + len(kept), axes)
        chosen |= {(name, i): names[i] for i in range(n)}
        batch_names[name] = names[n:]
    groups = _tied_axes(root)

    def name_of(axis: _Axis) -> str:
        name, i = groups[axis][0]
        default = f"{without_slash(name)}_dim_{i}"
        tied = (chosen[other] for other in groups[axis] if other in chosen)
        return chosen.get(axis) or next(tied, default)

    return {
        key.name: (
            *(name_of((key.name, i)) for i in range(len(key.event_shape))),
            *batch_names[key.name],
        )
        for key in root.keys
    }


def _tied_axes(root: TokenLayout) -> dict[_Axis, list[_Axis]]:
    """Return which event axes are the same, in token order."""
    groups = {
        (key.name, i): [(key.name, i)]
        for key in root.keys
        for i in range(len(key.event_shape))
    }
    order = {axis: number for number, axis in enumerate(groups)}
    # Of several rules between two keys the last one acts.
    acting = {
        frozenset((rule.a, rule.b)): rule
        for rule in root.independence.cross_local
    }
    for a, b, dims in acting.values():
        if dims is None:
            continue
        first, second = (
            groups[name, dim % len(root[name].event_shape)]
            for name, dim in ((a, dims[0]), (b, dims[1]))
        )
        # Two axes of one array cannot have the same name.
        if not {name for name, _ in first} & {name for name, _ in second}:
            merged = sorted([*first, *second], key=order.__getitem__)
            groups |= dict.fromkeys(merged, merged)
    return groups


def checked_dims(names: Any, what: str, n: int, axes: str) -> tuple[str, ...]:
    """Check that names are a list of ``n`` strings."""
    fits = not isinstance(names, str) and isinstance(names, Sequence)
    if not fits or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{what} must be a list of names, not {names!r}.")
    if len(names) != n:
        raise ValueError(
            f"{what} is {list(names)}, but must name {n} axes: {axes}."
        )
    return tuple(names)


def kept_batch(key: KeyLayout) -> list[tuple[int, int]]:
    """Return number and size of the batch axes that are longer than 1."""
    return [(i, n) for i, n in enumerate(key.batch_shape) if n != 1]


def without_slash(name: str) -> str:
    """Return a nested key with dots."""
    # A slash in a name would be a group of its own to DataTree.
    return name.replace(SEPARATOR, ".")
