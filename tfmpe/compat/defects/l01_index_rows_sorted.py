"""Defect L1: index rows in sorted key order, unlike the data rows."""

from collections.abc import Mapping
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class IndexRowsSortedWarning(LegacyWarning):
    """Rows of ``index`` and of ``data`` belong to different keys (L1)."""

    code = "L1"


def leaves_in_sorted_order(index: Mapping[str, Any]) -> list[Any]:
    """Return the leaves in the order of JAX trees: by sorted keys."""
    return jax.tree.leaves(dict(index))


def check_key_order(side: str, names: list[str]) -> None:
    """Warn if the keys of a side are not sorted."""
    if names != sorted(names):
        IndexRowsSortedWarning.warn(
            f"the rows of index[{side!r}] are in the order of the sorted keys "
            f"{sorted(names)}, but the rows of data[{side!r}] are in the order "
            f"{names}, so they do not match. Sort the keys, or use Tokens, "
            "whose functional inputs follow the data."
        )
