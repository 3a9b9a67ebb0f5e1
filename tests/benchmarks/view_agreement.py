"""When views say the same as a new legacy flat dictionary."""

from math import prod
from typing import Any

import numpy as np

from benchmarks.agreement import (
    assert_equal,
    assert_repeats,
    assert_same_leaves,
)


def assert_exchanged_same(old: Any, new: Any) -> None:
    """Compare ``(flat, slices)`` with two views and the mask between them."""
    if isinstance(new, list):  # jnp slices, which say nothing
        return
    if "masks" in new[0]:
        assert_same_leaves(old, new)
        return
    flat, slices = old
    targets, conditions, _ = new
    assert_arrays_same(flat, new)
    for side, view in (("theta", targets), ("y", conditions)):
        assert view["padding"].all(), "padding where there is none"
        assert view["slices"] == slices[side], "slices differ"
        assert_index_same(flat["index"][side], view)


def assert_arrays_same(flat: Any, new: Any) -> None:
    """Compare data, labels and masks, but not the index."""
    targets, conditions, cross = new
    masks = flat["masks"]["attention"]
    for side, view in (("theta", targets), ("y", conditions)):
        assert_equal(flat["data"][side], view["data"], "data")
        assert_repeats(flat["labels"][side], view["labels"][:1], "labels")
        assert_repeats(masks[side], view["self"][None], "mask")
    assert_repeats(masks["cross"], cross[None], "cross mask")


def assert_chosen_same(old: Any, new: Any) -> None:
    """Compare the theta side of ``(flat, slices)`` with one view."""
    if isinstance(new, list):  # jnp slices, which say nothing
        return
    if isinstance(new, tuple):
        assert_same_leaves(old, new)
        return
    # Not the labels: they are ranks among the keys that are there.
    flat, slices = old
    assert_equal(flat["data"]["theta"], new["data"], "data")
    mask = flat["masks"]["attention"]["theta"]
    assert_repeats(mask, new["self"][None], "mask")
    assert new["slices"] == slices["theta"], "slices differ"
    assert_index_same(flat["index"]["theta"], new)


def assert_index_same(index: Any, view: dict[str, Any]) -> None:
    """Compare functional inputs with an index that follows sorted keys."""
    order = [
        np.arange(entry["offset"], entry["offset"] + prod(entry["event_shape"]))
        for _, entry in sorted(view["slices"].items())
    ]
    rows = np.asarray(view["inputs"])[..., np.concatenate(order), :]
    assert_equal(index, rows, "index")
