"""Defect L39: columns of an input found by its position, not its name."""

from collections.abc import Collection, Mapping
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class ColumnsByPlaceWarning(LegacyWarning):
    """Functional inputs are in the wrong columns (L39)."""

    code = "L39"


def columns_by_place(
    columns: Mapping[str, slice],
    indices: Mapping[str, Any],
    used: Collection[str],
) -> dict[str, slice]:
    """Return the columns into which each used input is written.

    The i-th input in ``indices`` gets the i-th of ``columns``.

    Raises
    ------
    IndexError
        If there is no such column.
    """
    mentioned = list(columns.values())
    places = {name: place for place, name in enumerate(indices) if name in used}
    if max(places.values(), default=-1) >= len(mentioned):
        raise IndexError(
            f"indices has the keys {list(indices)}, but index_map mentions "
            f"{list(columns)} only, so later keys have no columns. Remove "
            "the others from indices, or pass fix=['L39']."
        )
    taken = {name: mentioned[place] for name, place in places.items()}
    if any(taken[name] != columns[name] for name in taken):
        ColumnsByPlaceWarning.warn(
            f"the columns of the result belong to {list(columns)}, in the "
            f"order of index_map, but are filled in the order of indices, "
            f"{list(indices)}. Reorder indices, or pass fix=['L39']."
        )
    return taken
