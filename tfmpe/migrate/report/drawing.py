"""Small pictures of masks, as SVG paths."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmpe.migrate.records.runs import Masks
from tfmpe.migrate.show.words import counted

MAX_SIDE = 200
"""Largest number of rows, and of columns, that is drawn."""

_MAX_CELLS = 4_000_000


class Picture(NamedTuple):
    """Two masks and their difference, as SVG paths in units of cells."""

    width: int
    height: int
    old: str
    new: str
    only_old: str
    only_new: str
    note: str


def draw_masks(masks: Masks) -> Picture | None:
    """Return the paths of two masks, or None if they are too large."""
    both = masks.old, masks.new
    height = max(map(len, both))
    width = max((len(row) for rows in both for row in rows), default=0)
    if not 0 < height * width <= _MAX_CELLS:
        return None
    old, new = (_filled(rows, (height, width)) for rows in both)
    differing = np.argwhere(old != new)
    note = counted(len(differing), "cell differs", "cells differ")
    # Show the place where the differences begin.
    row, column = differing[0].tolist() if len(differing) else (0, 0)
    rows, columns = _around(row, height), _around(column, width)
    if max(height, width) > MAX_SIDE:
        note += f"; rows from {rows.start} and columns from {columns.start}"
    layers = (old, new, old & ~new, new & ~old)
    paths = (_path(layer[rows, columns]) for layer in layers)
    width, height = columns.stop - columns.start, rows.stop - rows.start
    return Picture(width, height, *paths, note=note)


def _filled(
    rows: tuple[tuple[float, ...], ...], size: tuple[int, int]
) -> NDArray[np.bool_]:
    cells = np.zeros(size, bool)
    for y, row in enumerate(rows):
        cells[y, : len(row)] = np.asarray(row, float) != 0
    return cells


def _around(first: int, length: int) -> slice:
    start = max(0, min(first - MAX_SIDE // 4, length - MAX_SIDE))
    return slice(start, min(length, start + MAX_SIDE))


def _path(cells: NDArray[np.bool_]) -> str:
    """Return one rectangle per run of ones in a row."""
    edges = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    runs = zip(np.argwhere(edges > 0), np.argwhere(edges < 0), strict=True)
    return "".join(
        f"M{x} {y}h{end - x}v1h-{end - x}z" for (y, x), (_, end) in runs
    )
