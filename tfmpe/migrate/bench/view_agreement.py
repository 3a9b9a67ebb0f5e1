"""When views say the same as a new legacy flat dictionary."""

from math import prod
from typing import Any

import numpy as np

from .agreement import (
    NotEqualError,
    check_equal,
    check_repeats,
    check_same_leaves,
)


def check_exchanged_same(old: Any, new: Any) -> None:
    """Compare ``(flat, slices)`` with two views and the mask between them."""
    if isinstance(new, list):  # jnp slices, which say nothing
        return
    if "masks" in new[0]:
        check_same_leaves(old, new)
        return
    flat, slices = old
    targets, conditions, _ = new
    check_arrays_same(flat, new)
    for side, view in (("theta", targets), ("y", conditions)):
        if not view["padding"].all():
            raise NotEqualError("padding where there is none")
        _check_slices(slices[side], view["slices"])
        check_index_same(flat["index"][side], view)


def check_arrays_same(flat: Any, new: Any) -> None:
    """Compare data, labels and masks, but not the index."""
    targets, conditions, cross = new
    masks = flat["masks"]["attention"]
    for side, view in (("theta", targets), ("y", conditions)):
        check_equal(flat["data"][side], view["data"], "data")
        check_repeats(flat["labels"][side], view["labels"][:1], "labels")
        check_repeats(masks[side], view["self"][None], "mask")
    check_repeats(masks["cross"], cross[None], "cross mask")


def check_chosen_same(old: Any, new: Any) -> None:
    """Compare the theta side of ``(flat, slices)`` with one view."""
    if isinstance(new, list):  # jnp slices, which say nothing
        return
    if isinstance(new, tuple):
        check_same_leaves(old, new)
        return
    # Not the labels: they are ranks among the keys that are there.
    flat, slices = old
    check_equal(flat["data"]["theta"], new["data"], "data")
    mask = flat["masks"]["attention"]["theta"]
    check_repeats(mask, new["self"][None], "mask")
    _check_slices(slices["theta"], new["slices"])
    check_index_same(flat["index"]["theta"], new)


def _check_slices(expected: Any, got: Any) -> None:
    if got != expected:
        raise NotEqualError(f"slices {got}, expected {expected}")


def check_index_same(index: Any, view: dict[str, Any]) -> None:
    """Compare functional inputs with an index that follows sorted keys."""
    order = [
        np.arange(entry["offset"], entry["offset"] + prod(entry["event_shape"]))
        for _, entry in sorted(view["slices"].items())
    ]
    rows = np.asarray(view["inputs"])[..., np.concatenate(order), :]
    check_equal(index, rows, "index")
