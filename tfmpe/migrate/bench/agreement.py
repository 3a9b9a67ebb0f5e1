"""What has to be equal before anything is timed."""

from typing import Any

import jax
import numpy as np

from .models import THETA_KEYS, Y_KEYS


class NotEqualError(ValueError):
    """Two sides do not say the same."""


KEYS = {"theta": THETA_KEYS, "y": Y_KEYS}


def check_equal(expected: Any, got: Any, what: str) -> None:
    """Compare shapes and values, not dtypes (a mask is bool or float)."""
    expected, got = np.asarray(expected), np.asarray(got)
    if got.shape != expected.shape:
        raise NotEqualError(
            f"{what}: shape {got.shape}, expected {expected.shape}"
        )
    different = got != expected
    if different.any():
        place = tuple(int(i[0]) for i in np.nonzero(different))
        raise NotEqualError(
            f"{what}: {int(different.sum())} of {got.size} values differ, "
            f"the first at {list(place)}: {got[place]}, expected "
            f"{expected[place]}"
        )


def check_repeats(expected: Any, got: Any, what: str) -> None:
    """Compare with an array that may have been written once for all rows."""
    got = np.asarray(got)
    check_equal(expected, np.broadcast_to(got, np.shape(expected)), what)


def check_same_tree(expected: Any, got: Any) -> None:
    """Compare two nested dictionaries of arrays, key by key."""
    if isinstance(expected, dict):
        if list(got) != list(expected):
            raise NotEqualError(f"keys {list(got)}, expected {list(expected)}")
        for key in expected:
            check_same_tree(expected[key], got[key])
    else:
        check_equal(expected, got, "an array")


def check_same_leaves(expected: Any, got: Any) -> None:
    """Compare two trees whose dictionaries may be ordered differently."""
    one, two = jax.tree.leaves(expected), jax.tree.leaves(got)
    if len(one) != len(two):
        raise NotEqualError(f"{len(two)} arrays, expected {len(one)}")
    for number, (a, b) in enumerate(zip(one, two, strict=True)):
        check_equal(a, b, f"array {number}")


def check_tokens_say(flat: dict[str, Any], tokens: Any) -> None:
    """Check that Tokens hold whatever a legacy flat dictionary holds.

    Labels, masks and index may be there once per sample or once for all.
    """
    views = {side: tokens.select_tokens(keys) for side, keys in KEYS.items()}
    for side, view in views.items():
        check_equal(flat["data"][side], view.data, f"data of {side}")
        check_repeats(
            flat["labels"][side], view.labels[:1], f"labels of {side}"
        )
        if "index" in flat:
            # Legacy index rows follow the sorted keys, whatever the data do.
            rows = tokens.select_tokens(sorted(KEYS[side])).functional_inputs
            check_equal(flat["index"][side], rows, f"index of {side}")
    masks = flat.get("masks", {})
    for side, mask in masks.get("padding", {}).items():
        check_equal(mask, views[side].padding_mask, f"padding of {side}")
    if "attention" in masks:
        declared = declared_masks(tokens)
        for name, mask in masks["attention"].items():
            check_repeats(mask, declared[name][None], f"mask of {name}")


def declared_masks(tokens: Any) -> dict[str, Any]:
    """Return the three masks that a legacy flat dictionary has."""
    return {
        "y": tokens.select_tokens(Y_KEYS).self_attention_mask,
        "theta": tokens.select_tokens(THETA_KEYS).self_attention_mask,
        "cross": tokens.cross_attention_mask(THETA_KEYS, Y_KEYS),
    }


def check_real_tokens_say(flat: dict[str, Any], tokens: Any) -> None:
    """Compare data sets of different sizes that were joined.

    The legacy function pads the token axis as a whole, the core each key; so
    what is compared is the tokens that are real, their order, and the masks
    among them.
    """
    real = {}
    padding = flat["masks"]["padding"]
    for side, keys in KEYS.items():
        view = tokens.select_tokens(keys)
        old_real = np.asarray(padding[side]) != 0
        new_real = np.asarray(view.padding_mask)
        real[side] = (old_real, new_real)
        pairs = {
            "data": (flat["data"][side], view.data),
            "labels": (flat["labels"][side], view.labels),
        }
        for what, (old, new) in pairs.items():
            check_equal(
                np.asarray(old)[old_real],
                np.asarray(new)[new_real],
                f"{what} of {side}",
            )
        ordered = tokens.select_tokens(sorted(keys))
        check_equal(
            np.asarray(flat["index"][side])[old_real],
            np.asarray(ordered.functional_inputs)[
                np.asarray(ordered.padding_mask)
            ],
            f"index of {side}",
        )
    declared = declared_masks(tokens)
    ends = {"y": ("y", "y"), "theta": ("theta", "theta")}
    ends["cross"] = ("theta", "y")
    n_samples = tokens.sample_shape[0]
    for name, (rows, columns) in ends.items():
        for sample in (0, n_samples // 2 - 1, n_samples // 2, n_samples - 1):
            old_real, new_real = (
                np.ix_(real[rows][i][sample], real[columns][i][sample])
                for i in (0, 1)
            )
            check_equal(
                np.asarray(flat["masks"]["attention"][name][sample])[old_real],
                declared[name][new_real],
                f"mask of {name} in sample {sample}",
            )
