"""Defect L49: rows stacked by position, whatever their names."""

from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class NamesNotComparedWarning(LegacyWarning):
    """Rows of differently named arrays were stacked (L49)."""

    code = "L49"


def check_structures(data: Any, also_data: Any) -> None:
    """Warn if two trees that are stacked differ in their names."""
    one, other = map(jax.tree.structure, (data, also_data))
    if one != other:
        NamesNotComparedWarning.warn(
            f"stack_data joins arrays that are at the same position, but the "
            f"trees differ: {one} and {other}. Rename or reorder one of them."
        )
