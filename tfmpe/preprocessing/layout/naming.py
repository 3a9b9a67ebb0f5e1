"""Names of axes and group indices, as a user gives them, put on keys.

Arrays of xarray bring the names of their axes along.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfmpe._base.errors import nearest, raise_faults, unknown_key
from tfmpe._base.static import static_ints
from tfmpe._base.trees import SEPARATOR
from tfmpe.preprocessing.layout.dimensions import check_dimensions
from tfmpe.preprocessing.layout.groups import GroupIndex
from tfmpe.preprocessing.layout.labelled import (
    check_axes,
    check_positions,
    chosen,
    data_array,
    positions_of,
    sample_names,
)
from tfmpe.preprocessing.layout.layout import KeyLayout

_MOST = 2**31  # Coordinates are int32.


def name_dimensions(
    keys: Sequence[KeyLayout],
    values: Sequence[Any],
    dims: Any,
    groups: Any,
    sample_ndims: int,
) -> tuple[KeyLayout, ...]:
    """Return keys with the names of their axes and with their groups.

    Parameters
    ----------
    keys : sequence of KeyLayout
    values : sequence
        The array of every key, as it was given.
    dims, groups : mapping or None
        As of ``Tokens.from_pytree``.
    sample_ndims : int
        Number of sample axes.

    Raises
    ------
    UnknownKeyError
        If either names a key that does not exist.
    TypeError
        If names are no strings, or ids no integers.
    DynamicShapeError
        If ids are traced.
    ValueError
        If they do not fit the shapes or one another; all faults are listed.
    """
    names = [key.name for key in keys]
    given_dims = lookup_as_given(dims, names, "dims")
    given_groups = lookup_as_given(groups, names, "groups")
    arrays = dict(zip(names, map(data_array, values), strict=True))
    labelled = any(array is not None for array in arrays.values())
    if not (given_dims or given_groups or labelled):
        return tuple(keys)
    sample_names(arrays, sample_ndims)
    indexes = {
        name: index
        for array in arrays.values()
        if array is not None
        for name, index in array.indexes.items()
    }
    faults: list[str] = []
    named = []
    ids: dict[str, dict[str, np.ndarray]] = {}
    for key in keys:
        array = arrays[key.name]
        axes = _event_axes(array, sample_ndims, key)
        named_axes = given_dims.get(key.name, chosen(axes, sample_ndims))
        key = key._replace(dims=_names(named_axes, f"dims of {key.name!r}"))
        if len(key.dims) not in (0, len(key.event_shape)):
            faults.append(
                f"dims of {key.name!r} is {list(key.dims)}, but must name "
                f"the {len(key.event_shape)} axes of the event shape "
                f"{key.event_shape}"
            )
        elif any(
            name in axes[:i] + axes[i + 1 :] for i, name in enumerate(key.dims)
        ):
            faults.append(
                f"dims of {key.name!r} is {list(key.dims)}, but its values "
                f"have the axes {list(axes)}, in this order"
            )
        named.append(key)
        if key.name in given_groups:
            ids[key.name] = _ids(
                given_groups[key.name], key, array, axes, indexes, faults
            )
    raise_faults(ValueError, "Dimensions do not fit", faults)
    sizes = _sizes(named, ids)
    grouped = tuple(
        key._replace(
            groups=tuple(
                GroupIndex(name, sizes[name], each)
                for name, each in sorted(ids.get(key.name, {}).items())
            )
        )
        for key in named
    )
    check_dimensions(grouped)
    return grouped


def _event_axes(
    array: Any, sample_ndims: int, key: KeyLayout
) -> tuple[Any, ...]:
    """Return what an array of xarray calls the event axes of a key."""
    if array is None:
        return ()
    return array.dims[sample_ndims : sample_ndims + len(key.event_shape)]


def lookup_as_given(
    spec: Any, names: Sequence[str], what: str
) -> dict[str, Any]:
    """Return what a (nested) dictionary gives for keys, as it is."""
    found: dict[str, Any] = {}
    if spec is None:
        return found
    if not isinstance(spec, Mapping):
        raise TypeError(f"{what} must be a dictionary from keys, not {spec!r}.")
    waiting = [(str(name), value) for name, value in spec.items()]
    for name, value in waiting:
        if name in names:
            found[name] = value
        elif isinstance(value, Mapping) and any(
            other.startswith(name + SEPARATOR) for other in names
        ):
            waiting += [
                (f"{name}{SEPARATOR}{part}", inner)
                for part, inner in value.items()
            ]
        else:
            error = unknown_key(name, names)
            error.add_note(f"It was named by {what}.")
            raise error
    return found


def _names(names: Any, what: str) -> tuple[str, ...]:
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    if not listed or not all(isinstance(n, str) and n for n in names):
        raise TypeError(f"{what} must be a list of names, not {names!r}.")
    return tuple(names)


def _ids(
    given: Any,
    key: KeyLayout,
    array: Any,
    axes: tuple[Any, ...],
    indexes: Mapping[Any, Any],
    faults: list[str],
) -> dict[str, np.ndarray]:
    """Return the ids of one key by dimension."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"groups of {key.name!r} must be a dictionary from dimensions to "
            f"ids, not {given!r}. Write groups={{{key.name!r}: {{'site': "
            "ids}}."
        )
    read = {}
    for name, ids in given.items():
        what = f"groups of {key.name!r} for {name!r}"
        if not isinstance(name, str) or not name:
            raise TypeError(f"{what}: a dimension must be a name.")
        if isinstance(ids, str):
            ids = _coordinate(ids, array, axes, what)
            ids = positions_of(ids, indexes.get(name), name, what)
        elif data_array(ids) is not None:
            check_axes(ids, key.dims, what)
            ids = positions_of(ids.values, indexes.get(name), name, what)
        else:
            check_positions(ids, indexes.get(name), name, what)
        read[name] = static_ints(ids, what)
        if read[name].shape != key.event_shape:
            faults.append(
                f"{what} has {len(read[name])} ids, but {key.name!r} has the "
                f"event shape {key.event_shape}; it needs one event axis, "
                "and one id for every token along it"
            )
    return read


def _coordinate(name: str, array: Any, axes: Any, what: str) -> Any:
    """Return a coordinate along the event axes of an array of xarray."""
    if array is None:
        raise TypeError(
            f"{what} is {name!r}, the name of a coordinate, but the values "
            "are no xarray.DataArray. Give an array of integers."
        )
    if name not in array.coords:
        raise ValueError(
            f"{what} is {name!r}, but the coordinates are "
            f"{list(array.coords)}. {nearest(name, map(str, array.coords))}"
        )
    if array.coords[name].dims != axes:
        raise ValueError(
            f"{what} is the coordinate {name!r} along "
            f"{list(array.coords[name].dims)}, but the event axes are "
            f"{list(axes)}."
        )
    return array.coords[name].values


def _sizes(
    keys: Sequence[KeyLayout], ids: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, int]:
    """Return the size of every dimension that some key has groups of.

    That of the axis of this name or, without one, what the ids need.
    """
    axes = {
        name: (size, key.name)
        for key in keys
        for name, size in zip(key.dims, key.event_shape, strict=bool(key.dims))
    }
    sizes: dict[str, int] = {}
    faults = []
    for owner, given in ids.items():
        for name, each in given.items():
            low, needed = (
                (int(each.min()), int(each.max())) if each.size else (0, -1)
            )
            size, axis_of = axes.get(name, (None, None))
            limit = _MOST if size is None else size
            if low < 0 or needed >= limit:
                whose = f", the size of {name!r} in {axis_of!r}"
                faults.append(
                    f"the ids of {owner!r} for {name!r} lie between {low} "
                    f"and {needed}, but must be 0 or more and below {limit}"
                    + (whose if axis_of else "")
                )
            needed = needed + 1 if size is None else size
            sizes[name] = max(sizes.get(name, 0), needed)
    raise_faults(ValueError, "Group indices do not fit", faults)
    return sizes
