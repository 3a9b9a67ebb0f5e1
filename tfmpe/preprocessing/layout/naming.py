"""Axis names and group indices of keys, read from user input."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from tfmpe._base.errors import nearest, raise_faults
from tfmpe._base.static import static_ints
from tfmpe._base.trees import Tree, lookup_as_given

from .dimensions import check_dimensions
from .groups import GroupIndex
from .labelled import (
    check_axes,
    check_positions,
    chosen,
    data_array,
    positions_of,
    sample_names,
)
from .layout import KeyLayout, list_of_names

_MOST = 2**31  # Coordinates are int32.


def name_dimensions(
    keys: Sequence[KeyLayout],
    values: Sequence[object],
    dims: Tree,
    groups: Tree,
    sample_ndims: int,
) -> tuple[KeyLayout, ...]:
    """Return keys with the names of their axes and with their groups."""
    names = [key.name for key in keys]
    given_dims = lookup_as_given(dims, names, "dims")
    given_groups = lookup_as_given(groups, names, "groups")
    arrays = dict(zip(names, map(data_array, values), strict=True))
    labelled = [array for array in arrays.values() if array is not None]
    if not (given_dims or given_groups or labelled):
        return tuple(keys)
    sample_names(arrays, sample_ndims)
    indexes = {n: index for a in labelled for n, index in a.indexes.items()}
    faults: list[str] = []
    named: list[KeyLayout] = []
    ids: dict[str, dict[str, np.ndarray]] = {}
    for key in keys:
        array, n = arrays[key.name], len(key.event_shape)
        axes = () if array is None else array.dims[sample_ndims:][:n]
        chosen_names = given_dims.get(key.name, chosen(axes, sample_ndims))
        key = key._replace(
            dims=list_of_names(chosen_names, f"dims of {key.name!r}")
        )
        if len(key.dims) not in (0, n):
            faults.append(
                f"dims of {key.name!r} is {list(key.dims)}, but must name "
                f"the {n} axes of the event shape {key.event_shape}"
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


def _ids(
    given: object,
    key: KeyLayout,
    array: Any,
    axes: tuple[Any, ...],
    indexes: Mapping[Any, Any],
    faults: list[str],
) -> dict[str, Int[np.ndarray, " _"]]:
    """Return the group ids of one key for each dimension."""
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
            raise TypeError(f"{what}: the name must be a nonempty string.")
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
    """Return a coordinate of a DataArray along its event axes."""
    if array is None:
        raise TypeError(
            f"{what} is {name!r}, the name of a coordinate, but the values "
            "are not an xarray.DataArray. Pass an array of integers."
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
    """Return the size of every dimension for which some key has groups."""
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
