"""Defect L25: a split that draws row numbers beyond the end of a leaf."""

from typing import Any

import jax
import numpy as np

from tfmpe._base.arrays import on_device, on_host
from tfmpe.compat.legacy_warnings import LegacyWarning


class ClampedSplitWarning(LegacyWarning):
    """A split repeats or loses rows (L25)."""

    code = "L25"


def check_rows(data: Any, size: int) -> None:
    """Warn about leaves that do not have ``size`` rows."""
    counts = sorted({leaf.shape[0] for leaf in jax.tree.leaves(data)} - {size})
    if counts:
        ClampedSplitWarning.warn(
            f"split_data was called with {size} rows, but leaves have "
            f"{counts}. With shuffling, their last row is repeated; without, "
            "the validation part has too few rows or none. Repeat such leaves "
            "for every sample first."
        )


def take_rows(leaf: Any, rows: Any) -> Any:
    """Index rows like the array's own library; JAX clamps row numbers.

    Parameters
    ----------
    leaf : array
    rows : slice or Array of int
    """
    drawn = not isinstance(rows, slice)
    host = on_host([leaf, rows] if drawn else [leaf])
    if isinstance(leaf, np.ndarray) or not host or not leaf.size:
        return leaf[rows]
    # Indexing on the host does not compile a kernel for every shape.
    source = np.asarray(leaf)
    taken = np.take(source, rows, 0, mode="clip") if drawn else source[rows]
    return on_device(taken)
