"""Arrays of xarray on their way in: names and labels decide, not positions."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tfmpe._base.errors import raise_faults


def in_use() -> bool:
    """Return whether there can be a DataArray: it needs xarray imported."""
    return "xarray" in sys.modules


def data_array(value: Any) -> Any:
    """Return a value if it is a DataArray, else None."""
    xarray = sys.modules.get("xarray")
    # Only a module that is whole; another thread may just be importing it.
    kind = getattr(xarray, "DataArray", None)
    return value if kind and isinstance(value, kind) else None


def check_alignment(named: Mapping[str, Any]) -> None:
    """Check that arrays which share a dimension have the same labels there.

    Parameters
    ----------
    named : mapping
        Arrays by how to call them in the message; only a DataArray counts.

    Raises
    ------
    ValueError
        If labels differ; all faults are listed.
    """
    first: dict[Any, tuple[str, Any]] = {}
    faults = []
    for what, array in _arrays(named):
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


def check_sample_axes(named: Mapping[str, Any], sample_ndims: int) -> None:
    """Check that all arrays call their sample axes alike.

    Raises
    ------
    ValueError
        If not.
    """
    arrays = list(_arrays(named))
    for what, array in arrays[1:]:
        first, other = arrays[0]
        expected, found = (a.dims[:sample_ndims] for a in (other, array))
        if chosen(found, 0) and chosen(expected, 0) and found != expected:
            raise ValueError(
                f"The sample axes come first: {list(expected)} in {first}, "
                f"but {list(found)} in {what}, whose axes are "
                f"{list(array.dims)}. Transpose one of them."
            )


def check_event_axes(
    value: Any, lead: int, names: Sequence[str], what: str
) -> None:
    """Check that an array has named event axes in the order of its key.

    Parameters
    ----------
    value : array
        Only a DataArray is looked at.
    lead : int
        Number of axes before the event axes.
    names : sequence of str
        The names of the event axes; none if they have no names.
    what : str
        How to call the array.

    Raises
    ------
    ValueError
        If a name stands elsewhere.
    """
    if data_array(value) is None or not set(names) & set(value.dims):
        return
    found = tuple(value.dims[lead : lead + len(names)])
    if found != tuple(names):
        raise ValueError(
            f"{what} has the axes {list(value.dims)}, but {list(names)} are "
            f"expected from axis {lead} on. Transpose it."
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
        If the dimension lacks some.
    """
    if index is None:
        return labels
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


def _arrays(named: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((w, a) for w, a in named.items() if data_array(a) is not None)


def _brief(labels: Any) -> str:
    text = ", ".join(map(str, labels[:5]))
    return f"[{text}{', ...' if len(labels) > 5 else ''}]"
