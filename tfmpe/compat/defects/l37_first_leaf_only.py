"""Defect L37: leaves omitted from the log determinant of a tree."""

from collections.abc import Collection
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class FirstLeafOnlyWarning(LegacyWarning):
    """A log determinant does not count all leaves (L37)."""

    code = "L37"


def leaf_event_ndims(
    tree: Any, event_ndims: Any, fixes: Collection[str]
) -> list[Any]:
    """Return the number of event axes of each leaf that is counted.

    Raises
    ------
    ValueError
        If L37 is fixed and the leaves of ``event_ndims`` and the tree differ.
    """
    n_leaves = len(jax.tree.leaves(tree))
    if event_ndims is None:
        return [0] * n_leaves
    found = jax.tree.leaves(event_ndims)
    if "L37" in fixes:
        if jax.tree.structure(event_ndims) == jax.tree.structure(0):
            return found * n_leaves
        if jax.tree.structure(event_ndims) != jax.tree.structure(tree):
            raise ValueError(
                f"event_ndims is {event_ndims}, expected the leaves of "
                f"{jax.tree.structure(tree)}. Pass one number for all leaves, "
                "or a number for each."
            )
    elif len(found) != n_leaves:
        counted = min(len(found), n_leaves)
        FirstLeafOnlyWarning.warn(
            f"event_ndims is {event_ndims!r}, so the log determinant counts "
            f"the first {counted} of {n_leaves} leaves, in sorted order. Pass "
            "a number for each leaf, or make the bijector with fix=['L37']."
        )
    return found
