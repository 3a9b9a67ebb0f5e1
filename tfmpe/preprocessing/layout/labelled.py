"""Checks of the axis names and labels of xarray input."""

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import Tree


def data_array(value: object) -> Any:
    """Return a value if it is a DataArray, else None."""
    xarray = sys.modules.get("xarray")
    # Another thread may be importing xarray, so that DataArray is missing.
    kind = getattr(xarray, "DataArray", None)
    return value if kind and isinstance(value, kind) else None


def check_alignment(**trees: Tree) -> None:
    """Check that DataArrays in trees have equal labels along each dimension."""
    first: dict[Any, tuple[str, Any]] = {}
    faults = []
    found = (_arrays(tree, name) for name, tree in trees.items())
    for what, array in itertools.chain.from_iterable(found):
        for dim, index in array.indexes.items():
            other, labels = first.setdefault(dim, (what, index))
            if not labels.equals(index):
                faults.append(
                    f"along {dim!r} {other} has the labels "
                    f"{_brief(labels)}, but {what} has {_brief(index)}"
                )
    raise_faults(
        ValueError, "Labels differ; align arrays with xarray.align", faults
    )


def sample_names(data: Tree, sample_ndims: int) -> tuple[str | None, ...]:
    """Return the names of the sample axes; None if they have no names."""
    expected, first = (), ""
    for what, array in _arrays(data, "data"):
        found = chosen(array.dims[:sample_ndims], 0)
        if not expected:
            expected, first = found, what
        elif found and found != expected:
            raise ValueError(
                f"The first axes, the sample axes, are {list(expected)} in "
                f"{first}, but {list(found)} in {what}, whose axes are "
                f"{list(array.dims)}. Transpose one of them."
            )
    return expected or (None,) * sample_ndims


def check_axes(value: object, names: Sequence[str | None], what: str) -> None:
    """Check that the axes of a DataArray are in the order of ``names``.

    ``names`` are the expected names of the last axes, or None if unknown; names
    of earlier axes are unknown. Default names of xarray (``dim_0``) are not
    compared. At most one named axis longer than 1 may have no expected name.
    """
    array = data_array(value)
    if array is None:
        return
    n_known = min(array.ndim, len(names))
    expected = [None] * (array.ndim - n_known)
    expected += names[len(names) - n_known :]
    found = [
        None if name == f"dim_{axis}" else name
        for axis, name in enumerate(array.dims)
    ]
    pairs = [p for p in zip(found, expected, strict=True) if p[0] is not None]
    if any(a != b if b is not None else a in names for a, b in pairs):
        order = ["*" if name is None else name for name in expected]
        raise ValueError(
            f"{what} has the axes {list(array.dims)}, expected {order}, "
            "where '*' is any other name. Transpose it, or rename its axes."
        )
    unknown = [
        name for name, other in pairs if other is None and array.sizes[name] > 1
    ]
    if len(unknown) > 1:
        raise ValueError(
            f"{what} has the axes {list(array.dims)}, but there are no names "
            f"to compare {unknown} with. Put the axes in order and pass "
            "values without names: .transpose(...).values"
        )


def chosen(axes: tuple[Any, ...], start: int) -> tuple[Any, ...]:
    """Return the axis names, or () if xarray generated any of them."""
    made = [f"dim_{i}" for i in range(start, start + len(axes))]
    unnamed = any(a == b for a, b in zip(axes, made, strict=True))
    return () if unnamed else axes


def positions_of(labels: Any, index: Any, name: str, what: str) -> Any:
    """Return the positions of labels in an index; the labels if it is None."""
    if index is None:
        return labels
    if not index.is_unique:
        twice = index[index.duplicated()].unique()
        raise ValueError(
            f"{name!r} has the labels {_brief(twice)} twice, so {what} cannot "
            "refer to them. Use a different label for every coordinate."
        )
    positions = index.get_indexer(np.asarray(labels))
    missing = sorted({str(x) for x in np.asarray(labels)[positions < 0]})
    if missing:
        raise ValueError(
            f"{what} has the labels {missing[:5]}, which {name!r} does not "
            f"have: it has {_brief(index)}."
        )
    return positions


def check_positions(ids: object, index: Any, name: str, what: str) -> None:
    """Raise if integers could be either labels or positions."""
    if index is None or index.dtype.kind not in "iu":
        return
    if np.array_equal(index, np.arange(len(index))):
        return
    raise ValueError(
        f"{what} are integers, which may be positions or labels, since "
        f"{name!r} has the labels {_brief(index)}. Pass labels as a "
        "DataArray or as the name of a coordinate, or drop the labels with "
        f"drop_vars({name!r}) to pass positions."
    )


def _arrays(tree: Tree, what: str) -> Iterator[tuple[str, Any]]:
    """Yield every DataArray in a tree, after its name for messages."""
    if "xarray" not in sys.modules:
        return
    if data_array(tree) is not None:
        yield what, tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _arrays(value, f"{what}[{key!r}]")


def _brief(labels: Any) -> str:
    text = ", ".join(map(str, labels[:5]))
    return f"[{text}{', ...' if len(labels) > 5 else ''}]"
