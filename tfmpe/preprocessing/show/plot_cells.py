"""Cells of a plotted mask, where there is no room for every token.

Keys with many tokens are drawn with several tokens per cell, keys with few
tokens with several cells per token, because names need room. A cell never
mixes keys.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe.preprocessing.layout.layout import KeyLayout


class CellAxis(NamedTuple):
    """First token of every cell of an axis, and the cells where keys begin."""

    first_tokens: Int[np.ndarray, " cells"]
    borders: tuple[int, ...]


def cell_axis(
    keys: Sequence[KeyLayout], most: int, least_share: float
) -> CellAxis:
    """Return up to ``most`` cells, at least ``least_share`` of them per key."""
    in_a_cell, least = 1, 1
    while True:
        firsts = [_first_tokens(k.n_tokens, in_a_cell, least) for k in keys]
        counts = list(map(len, firsts))
        if sum(counts) > most:
            # Keys with few tokens start again from one cell per token.
            in_a_cell, least = in_a_cell + 1 + in_a_cell // 4, 1
        elif min(counts) < least_share * sum(counts):
            least += 1
        else:
            break
    starts = [key.offset + f for key, f in zip(keys, firsts, strict=True)]
    return CellAxis(np.concatenate(starts), (0, *np.cumsum(counts).tolist()))


def _first_tokens(n_tokens: int, in_a_cell: int, least: int) -> np.ndarray:
    if n_tokens < least:
        return np.arange(least) * n_tokens // least
    # Equally many tokens per cell: otherwise a diagonal would look mottled.
    return np.arange(0, n_tokens, min(in_a_cell, n_tokens // least))


def reduce_mask(
    mask: Bool[np.ndarray, "queries keys"], rows: CellAxis, columns: CellAxis
) -> Float[np.ndarray, "rows columns"]:
    """Return 1 for cells whose pairs are all allowed, 0 if none is, else ½."""
    corners = (rows.first_tokens, columns.first_tokens)
    some, all_ = mask, mask
    for axis, firsts in enumerate(corners):
        # Where a token is repeated, reduceat returns it as it is.
        some = np.logical_or.reduceat(some, firsts, axis)
        all_ = np.logical_and.reduceat(all_, firsts, axis)
    return (some.astype(np.float32) + all_) / 2
