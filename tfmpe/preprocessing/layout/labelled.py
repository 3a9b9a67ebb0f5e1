"""Arrays of xarray on their way in: names and labels decide, not positions."""

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfmpe._base.errors import raise_faults


def data_array(value: Any) -> Any:
    """Return a value if it is a DataArray, else None."""
    xarray = sys.modules.get("xarray")
    # Only a module that is whole; another thread may just be importing it.
    kind = getattr(xarray, "DataArray", None)
    return value if kind and isinstance(value, kind) else None


def check_alignment(**trees: Any) -> None:
    """Check that arrays which share a dimension have the same labels there.

    Parameters
    ----------
    **trees : nested dict of arrays, or None
        Arguments by name; only a DataArray counts.

    Raises
    ------
    ValueError
        If labels differ; all faults are listed.
    """
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


def sample_names(data: Any, sample_ndims: int) -> tuple[str | None, ...]:
    """Return what the arrays of the data call their sample axes.

    Returns
    -------
    tuple of str or None
        None where no array has names of its own.

    Raises
    ------
    ValueError
        If arrays call them differently.
    """
    expected, first = (), ""
    for what, array in _arrays(data, "data"):
        found = chosen(array.dims[:sample_ndims], 0)
        if not expected:
            expected, first = found, what
        elif found and found != expected:
            raise ValueError(
                f"The sample axes come first: {list(expected)} in {first}, "
                f"but {list(found)} in {what}, whose axes are "
                f"{list(array.dims)}. Transpose one of them."
            )
    return expected or (None,) * sample_ndims


def check_axes(value: Any, names: Sequence[str | None], what: str) -> None:
    """Check that the names of the axes of an array tell their order.

    Parameters
    ----------
    value : array
        Only a DataArray is looked at, and only names that were chosen.
    names : sequence of str or None
        What the last axes are called; None where that is not known, as for
        all axes further to the left.
    what : str
        How to call the array.

    Raises
    ------
    ValueError
        If an axis has another name than expected, or if there is nothing to
        compare the names of two axes with.
    """
    if data_array(value) is None:
        return
    n_known = min(value.ndim, len(names))
    expected = [None] * (value.ndim - n_known)
    expected += names[len(names) - n_known :]
    found = [
        None if name == f"dim_{axis}" else name
        for axis, name in enumerate(value.dims)
    ]
    pairs = [p for p in zip(found, expected, strict=True) if p[0] is not None]
    if any(a != b if b is not None else a in names for a, b in pairs):
        order = ["*" if name is None else name for name in expected]
        raise ValueError(
            f"{what} has the axes {list(value.dims)}, expected {order}, "
            "where '*' is any other name. Transpose it, or rename its axes."
        )
    unknown = [
        name for name, other in pairs if other is None and value.sizes[name] > 1
    ]
    if len(unknown) > 1:
        raise ValueError(
            f"{what} has the axes {list(value.dims)}, but there are no names "
            f"to compare {unknown} with. Put the axes in order and give "
            "values without names: .transpose(...).values"
        )


def chosen(axes: tuple[Any, ...], start: int) -> tuple[Any, ...]:
    """Return names of axes if they were chosen, and not by xarray itself."""
    made = [f"dim_{i}" for i in range(start, start + len(axes))]
    unnamed = any(a == b for a, b in zip(axes, made, strict=True))
    return () if unnamed else axes


def positions_of(labels: Any, index: Any, name: str, what: str) -> Any:
    """Return where labels stand along a dimension.

    Parameters
    ----------
    labels : array
    index : pandas.Index or None
        The labels of the dimension; None if it has none, so that positions
        were given.
    name : str
        The dimension.
    what : str
        How to call the labels.

    Raises
    ------
    ValueError
        If the dimension lacks some, or has a label twice.
    """
    if index is None:
        return labels
    if not index.is_unique:
        twice = index[index.duplicated()].unique()
        raise ValueError(
            f"{name!r} has the labels {_brief(twice)} twice, so {what} cannot "
            "name them. Give every coordinate its own label."
        )
    positions = index.get_indexer(np.asarray(labels))
    missing = sorted({str(x) for x in np.asarray(labels)[positions < 0]})
    if missing:
        raise ValueError(
            f"{what} has the labels {missing[:5]}, which {name!r} lacks: it "
            f"has {_brief(index)}."
        )
    return positions


def check_positions(ids: Any, index: Any, name: str, what: str) -> None:
    """Refuse integers that may be labels or positions of a dimension.

    Raises
    ------
    ValueError
        If the dimension has integers for labels that are not its positions.
    """
    if index is None or index.dtype.kind not in "iu":
        return
    if np.array_equal(index, np.arange(len(index))):
        return
    raise ValueError(
        f"{what} are integers, which may be positions or labels, since "
        f"{name!r} has the labels {_brief(index)}. Give labels as a "
        "DataArray or as the name of a coordinate, or drop the labels with "
        f"drop_vars({name!r}) to give positions."
    )


def _arrays(tree: Any, what: str) -> Iterator[tuple[str, Any]]:
    """Find every DataArray in a tree, and how to call it."""
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
