"""Masks as paths of small pictures."""

from collections.abc import Sequence
from typing import NamedTuple

from .run_inputs import Masks

__all__ = ["MaskPicture", "can_draw", "draw_masks"]

MAX_SIDE = 200
"""Most rows and columns that are drawn."""

_MAX_CELLS = 4_000_000

_Mask = Sequence[Sequence[float]]


class MaskPicture(NamedTuple):
    """Two masks and their difference, as paths of svg.

    Attributes
    ----------
    width, height : int
        In cells.
    old_extent, new_extent : str
        The cells that each has.
    old, new : str
        Where each is not 0.
    only_old, only_new : str
        Where one is not 0 and the other is.
    n_different : int
        Number of cells that differ so, drawn or not.
    note : str
        Said of shapes that differ, and of what is not drawn.
    """

    width: int
    height: int
    old_extent: str
    new_extent: str
    old: str
    new: str
    only_old: str
    only_new: str
    n_different: int
    note: str


def can_draw(masks: Masks) -> bool:
    """Return whether masks are small enough to look at all of their cells.

    Parameters
    ----------
    masks
        From a file, so of any shape; rows may be of different lengths.

    Returns
    -------
    bool
    """
    height, width = _size(masks)
    return 0 < height * width <= _MAX_CELLS


def draw_masks(masks: Masks) -> MaskPicture:
    """Return the paths of two masks.

    Parameters
    ----------
    masks
        Of the same shape, or not: a cell that one of them lacks is 0 there.

    Returns
    -------
    MaskPicture

    Examples
    --------
    >>> picture = draw_masks(Masks(((1, 1), (0, 1)), ((1, 0), (0, 1))))
    >>> picture.old, picture.only_old, picture.only_new
    ('M0 0h2v1h-2zM1 1h1v1h-1z', 'M1 0h1v1h-1z', '')
    """
    height, width = _size(masks)
    pair = masks.old, masks.new
    old, new = (_filled(mask, height, width) for mask in pair)
    extents = [
        _filled([[1] * len(row) for row in mask], height, width)
        for mask in pair
    ]
    only_old = _without(old, new)
    only_new = _without(new, old)
    notes = []
    shapes = [_shape(mask) for mask in pair]
    if shapes[0] != shapes[1]:
        notes.append(f"shapes {shapes[0]} and {shapes[1]}")
    # Where the differences begin is what has to be seen.
    rows, columns = _window(only_old, only_new, height, width)
    if len(rows) < height or len(columns) < width:
        notes.append(
            f"rows {rows.start} to {rows.stop - 1} and columns "
            f"{columns.start} to {columns.stop - 1} of {height} by {width}"
        )

    def path(mask: _Mask) -> str:
        return _path(_part(mask, rows, columns))

    return MaskPicture(
        width=len(columns),
        height=len(rows),
        old_extent=path(extents[0]),
        new_extent=path(extents[1]),
        old=path(old),
        new=path(new),
        only_old=path(only_old),
        only_new=path(only_new),
        n_different=sum(map(sum, only_old)) + sum(map(sum, only_new)),
        note="; ".join(notes),
    )


def _size(masks: Masks) -> tuple[int, int]:
    """Return how many rows and columns hold both."""
    rows = (*masks.old, *masks.new)
    height = max(len(masks.old), len(masks.new))
    return height, max(map(len, rows), default=0)


def _shape(mask: _Mask) -> str:
    widths = {len(row) for row in mask} or {0}
    width = "ragged" if len(widths) > 1 else str(widths.pop())
    return f"{len(mask)} by {width}"


def _filled(mask: _Mask, height: int, width: int) -> list[list[int]]:
    rows = [
        [*(int(cell != 0) for cell in row), *[0] * (width - len(row))]
        for row in mask
    ]
    return rows + [[0] * width for _ in range(height - len(rows))]


def _without(mask: _Mask, other: _Mask) -> list[list[int]]:
    return [
        [int(a and not b) for a, b in zip(row, beside, strict=True)]
        for row, beside in zip(mask, other, strict=True)
    ]


def _window(
    only_old: _Mask, only_new: _Mask, height: int, width: int
) -> tuple[range, range]:
    """Return which rows and columns to draw."""
    differing = [
        (row, column)
        for mask in (only_old, only_new)
        for row, cells in enumerate(mask)
        for column, cell in enumerate(cells)
        if cell
    ]
    row, column = min(differing, default=(0, 0))
    return _around(row, height), _around(column, width)


def _around(first: int, length: int) -> range:
    start = max(0, min(first - MAX_SIDE // 4, length - MAX_SIDE))
    return range(start, min(length, start + MAX_SIDE))


def _part(mask: _Mask, rows: range, columns: range) -> _Mask:
    return [
        row[columns.start : columns.stop]
        for row in mask[rows.start : rows.stop]
    ]


def _path(mask: _Mask) -> str:
    """Return one rectangle per run of ones in a row."""
    parts = []
    for y, row in enumerate(mask):
        x = 0
        while x < len(row):
            length = 0
            while x + length < len(row) and row[x + length]:
                length += 1
            if length:
                parts.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length or 1
    return "".join(parts)
