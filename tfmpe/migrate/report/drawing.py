"""Masks as paths of small pictures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmpe.migrate.records.runs import Masks
from tfmpe.migrate.show.words import counted

__all__ = ["Picture", "draw_masks"]

MAX_SIDE = 200
"""Most rows and columns that are drawn."""

_MAX_CELLS = 4_000_000

_Rows = tuple[tuple[float, ...], ...]
_Cells = NDArray[np.bool_]


class Picture(NamedTuple):
    """Two masks and their difference, as paths of SVG, in cells."""

    width: int
    height: int
    old: str
    new: str
    only_old: str
    only_new: str
    note: str


def draw_masks(masks: Masks) -> Picture | None:
    """Return the paths of two masks, or None where they are too large.

    A cell that one of them lacks is 0 there.

    Examples
    --------
    >>> picture = draw_masks(Masks(((1, 1), (0, 1)), ((1, 0), (0, 1))))
    >>> picture.old, picture.only_old, picture.only_new
    ('M0 0h2v1h-2zM1 1h1v1h-1z', 'M1 0h1v1h-1z', '')
    """
    both = masks.old, masks.new
    height = max(map(len, both))
    width = max((len(row) for rows in both for row in rows), default=0)
    if not 0 < height * width <= _MAX_CELLS:
        return None
    old, new = (_filled(rows, (height, width)) for rows in both)
    differing = np.argwhere(old != new)
    notes = [counted(len(differing), "cell differs", "cells differ")]
    shapes = [f"{len(r)} by {max(map(len, r), default=0)}" for r in both]
    if shapes[0] != shapes[1]:
        notes.append(f"shapes {shapes[0]} and {shapes[1]}")
    # Where the differences begin is what has to be seen.
    row, column = differing[0] if len(differing) else (0, 0)
    rows, columns = _around(int(row), height), _around(int(column), width)
    if rows != slice(0, height) or columns != slice(0, width):
        notes.append(
            f"rows {rows.start} to {rows.stop - 1} and columns "
            f"{columns.start} to {columns.stop - 1} of {height} by {width}"
        )
    layers = (old, new, old & ~new, new & ~old)
    return Picture(
        columns.stop - columns.start,
        rows.stop - rows.start,
        *(_path(layer[rows, columns]) for layer in layers),
        note="; ".join(notes),
    )


def _filled(rows: _Rows, size: tuple[int, int]) -> _Cells:
    cells = np.zeros(size, bool)
    for y, row in enumerate(rows):
        cells[y, : len(row)] = np.asarray(row, float) != 0
    return cells


def _around(first: int, length: int) -> slice:
    start = max(0, min(first - MAX_SIDE // 4, length - MAX_SIDE))
    return slice(start, min(length, start + MAX_SIDE))


def _path(cells: _Cells) -> str:
    """Return one rectangle per run of ones in a row."""
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    runs = zip(np.argwhere(edges > 0), np.argwhere(edges < 0), strict=True)
    return "".join(
        f"M{x} {y}h{end - x}v1h-{end - x}z" for (y, x), (_, end) in runs
    )
