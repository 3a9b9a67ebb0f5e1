"""Defect L25: a split that draws row numbers beyond the end of a leaf."""

from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class ClampedSplitWarning(LegacyWarning):
    """A split repeats or loses rows (L25)."""

    code = "L25"


def check_rows(data: Any, size: int) -> None:
    """Warn of leaves that do not have ``size`` rows."""
    counts = sorted({leaf.shape[0] for leaf in jax.tree.leaves(data)} - {size})
    if counts:
        ClampedSplitWarning.warn(
            f"split_data was called with {size} rows, but leaves have "
            f"{counts}. With shuffling, their last row is repeated; without, "
            "the validation part has too few rows or none. Repeat such leaves "
            "for every sample first."
        )
