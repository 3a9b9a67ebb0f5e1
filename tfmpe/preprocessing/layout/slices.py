"""The dictionary form of a layout, as the low-level functions take it."""

from collections.abc import Mapping
from typing import Any

from tfmpe._base.errors import raise_faults
from tfmpe._base.static import static_int, static_shape
from tfmpe._base.trees import SEPARATOR
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import (
    KeyLayout,
    TokenLayout,
    rank_labels,
)
from tfmpe.preprocessing.layout.naming import name_dimensions


def keys_from_slices(
    slices: Mapping[str, Mapping[str, Any]],
) -> tuple[KeyLayout, ...]:
    """Read ``{key: {'offset', 'event_shape', 'batch_shape'}}``.

    Offsets are kept as given. ``offset`` may be left out where blocks follow
    one another, ``batch_shape`` where tokens hold one value each. Named
    dimensions may stand under ``dims`` and ``groups``.

    Raises
    ------
    DynamicShapeError
        If sizes are traced values.
    ValueError
        If an entry lacks its event shape or has entries of other names, or
        named dimensions do not fit.
    """
    required = {"offset", "event_shape", "batch_shape"}
    known = {*required, "dims", "groups"}
    faults = [
        f"the entry of {name!r} has {sorted(entry)}"
        for name, entry in slices.items()
        if "event_shape" not in entry or not known.issuperset(entry)
    ]
    raise_faults(
        ValueError,
        f"Every entry of slices needs {sorted(required)}",
        faults,
    )
    labels = rank_labels(slices)
    keys: list[KeyLayout] = []
    for name, entry in slices.items():
        follows = keys[-1].block.stop if keys else 0
        keys.append(
            KeyLayout(
                name,
                tuple(name.split(SEPARATOR)),
                static_int(entry.get("offset", follows), f"offset of {name!r}"),
                static_shape(entry["event_shape"], f"event_shape of {name!r}"),
                static_shape(
                    entry.get("batch_shape", (1,)), f"batch_shape of {name!r}"
                ),
                labels[name],
            )
        )
    dims, groups = (
        {name: entry[what] for name, entry in slices.items() if what in entry}
        for what in ("dims", "groups")
    )
    return name_dimensions(keys, [None] * len(keys), dims, groups, 0)


def layout_from_slices(
    slices: Mapping[str, Mapping[str, Any]], independence: Any = None
) -> TokenLayout:
    """Build a layout from slices; blocks follow in their written order."""
    return TokenLayout(
        keys_from_slices(slices), Independence.parse(independence)
    )
