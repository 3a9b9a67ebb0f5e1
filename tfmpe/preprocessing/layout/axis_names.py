"""Names of the axes of a layout, as xarray and ArviZ need them.

Event axes without names are called ``{key}_dim_{i}``, as in ArviZ. Axes with
the same name in the layout, or that a rule matches, get one common name.
"""

from collections.abc import Collection, Iterator, Mapping

from tfmpe._base.trees import SEPARATOR

from .dimensions import find_dimension, matched_dims
from .layout import KeyLayout, TokenLayout, list_of_names

_Axis = tuple[str, int]


def axis_names(root: TokenLayout, given: object) -> dict[str, tuple[str, ...]]:
    """Return the names of every key's axes after the sample axes."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"dims must be a mapping from keys to names, not {given!r}."
        )
    chosen: dict[_Axis, str] = {}
    batch = {
        key.name: tuple(
            f"{without_slash(key.name)}_value_{i}" for i, _ in kept_batch(key)
        )
        for key in root.keys
    }
    own = {
        (key.name, i): name
        for key in root.keys
        for i, name in enumerate(key.dims)
    }
    taken = set(own.values())
    for name, names in given.items():
        key, kept = root[name], kept_batch(root[name])
        n = len(key.event_shape)
        axes = f"event {key.event_shape}, batch {tuple(s for _, s in kept)}"
        names = checked_dims(names, f"dims of {name!r}", n + len(kept), axes)
        chosen |= {(name, i): names[i] for i in range(n)}
        batch[name] = names[n:]
        taken.update(names)
    for name in batch:
        for default in () if name in given else batch[name]:
            _check_free(default, name, taken)
    groups = _tied_axes(root)

    def name_of(axis: _Axis) -> str:
        tied = (axis, *groups[axis])
        # Names in the call take precedence over names in the layout.
        for names in (chosen, own):
            for each in tied:
                if each in names:
                    return names[each]
        name, i = tied[1]
        default = f"{without_slash(name)}_dim_{i}"
        _check_free(default, name, taken)
        return default

    return {
        key.name: (
            *(name_of((key.name, i)) for i in range(len(key.event_shape))),
            *batch[key.name],
        )
        for key in root.keys
    }


def _check_free(default: str, owner: str, taken: Collection[str]) -> None:
    """Check that a default name is not already in use."""
    if default in taken:
        raise ValueError(
            f"An axis of {owner!r} has no name and would be called "
            f"{default!r}, but another axis has that name. "
            f"Name the axis of {owner!r} with dims=."
        )


def _tied_axes(root: TokenLayout) -> dict[_Axis, list[_Axis]]:
    """Return the axes that share each event axis's name, in token order."""
    groups = {
        (key.name, i): [(key.name, i)]
        for key in root.keys
        for i in range(len(key.event_shape))
    }
    order = {axis: number for number, axis in enumerate(groups)}
    for first, second in _ties(root):
        one, other = groups[first], groups[second]
        # Two axes of one array cannot have the same name.
        if not {name for name, _ in one} & {name for name, _ in other}:
            merged = sorted([*one, *other], key=order.__getitem__)
            groups |= dict.fromkeys(merged, merged)
    return groups


def _ties(root: TokenLayout) -> Iterator[tuple[_Axis, _Axis]]:
    """Yield pairs of axes with the same name, or that a rule matches."""
    first: dict[str, _Axis] = {}
    for key in root.keys:
        for i, name in enumerate(key.dims):
            yield first.setdefault(name, (key.name, i)), (key.name, i)
    # If there are several rules between two keys, the last one applies.
    acting = {
        frozenset((rule.a, rule.b)): rule for rule in root.independence.matching
    }
    for rule in acting.values():
        if dims := matched_dims(rule):
            i = find_dimension(root[rule.a], dims[0])
            j = find_dimension(root[rule.b], dims[1])
            if isinstance(i, int) and isinstance(j, int):
                yield (rule.a, i), (rule.b, j)


def checked_dims(
    names: object, what: str, n: int, axes: str
) -> tuple[str, ...]:
    """Check that ``names`` are ``n`` names; ``axes`` describes the axes."""
    listed = list_of_names(names, what)
    if len(listed) != n:
        raise ValueError(
            f"{what} is {list(listed)}, but must name {n} axes: {axes}."
        )
    return listed


def kept_batch(key: KeyLayout) -> list[tuple[int, int]]:
    """Return index and size of the batch axes whose size is not 1."""
    return [(i, n) for i, n in enumerate(key.batch_shape) if n != 1]


def without_slash(name: str) -> str:
    """Return the name of a nested key with dots instead of slashes."""
    # DataTree would interpret the part before a slash as a group.
    return name.replace(SEPARATOR, ".")
