"""Which cells a mask is drawn with, where there is no room for each token.

A picture has few pixels and key names need room. So keys of many tokens are
drawn with several tokens in a cell, keys of few tokens with several cells for
a token. A cell never mixes keys.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe.preprocessing.layout.layout import KeyLayout


class CellAxis(NamedTuple):
    """One axis of a drawn mask.

    Attributes
    ----------
    first_tokens : ndarray of int, shape (n_cells,)
        The first token of every cell.
    borders : tuple of int
        Cells at which the keys begin, and the number of cells.
    """

    first_tokens: Int[np.ndarray, " cells"]
    borders: tuple[int, ...]


def cell_axis(
    keys: Sequence[KeyLayout], most: int, least_share: float
) -> CellAxis:
    """Lay out the cells of some keys along an axis.

    Parameters
    ----------
    keys : sequence of KeyLayout
        Each with at least one token, offsets without gaps.
    most : int
        How many cells may be drawn, at least one per key.
    least_share : float
        Share of the axis that every key gets at least; below 1 over the
        number of keys.
    """
    sizes = [key.n_tokens for key in keys]
    in_a_cell, least = 1, 1
    while True:
        counts = [_count(n, in_a_cell, least) for n in sizes]
        if sum(counts) > most:
            # Keys of few tokens shrink again as well.
            in_a_cell, least = in_a_cell + 1 + in_a_cell // 4, 1
        elif min(counts) < least_share * sum(counts):
            least += 1
        else:
            break
    return CellAxis(
        np.concatenate(
            [
                key.offset + _first_tokens(key.n_tokens, in_a_cell, least)
                for key in keys
            ]
        ),
        (0, *np.cumsum(counts).tolist()),
    )


def _count(n_tokens: int, in_a_cell: int, least: int) -> int:
    if n_tokens < least:
        return least
    return -(-n_tokens // min(in_a_cell, n_tokens // least))


def _first_tokens(n_tokens: int, in_a_cell: int, least: int) -> np.ndarray:
    if n_tokens < least:
        return np.arange(least) * n_tokens // least
    # As many tokens in every cell: otherwise a diagonal would look mottled.
    return np.arange(0, n_tokens, min(in_a_cell, n_tokens // least))


def reduce_mask(
    mask: Bool[np.ndarray, "queries keys"], rows: CellAxis, columns: CellAxis
) -> Float[np.ndarray, "rows columns"]:
    """Return 1 for cells of which all pairs are allowed, 0 for none, else ½."""
    corners = (rows.first_tokens, columns.first_tokens)
    some, all_ = mask, mask
    for axis, firsts in enumerate(corners):
        # Where a token is repeated, reduceat returns it as it is.
        some = np.logical_or.reduceat(some, firsts, axis)
        all_ = np.logical_and.reduceat(all_, firsts, axis)
    return (some.astype(np.float32) + all_) / 2
