"""Comparison of the results of two sides, made before anything is timed."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from tfmpe.preprocessing import Tokens

from .data import THETA_KEYS, Y_KEYS


class NotEqualError(ValueError):
    """The results of two sides differ."""


def check_equal(expected: Any, got: Any, what: str) -> None:
    """Compare shapes and values, but not dtypes: masks are bool or float."""
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


def check_at_most(found: Any, limit: float, what: str) -> None:
    """Raise if an error exceeds its limit or is NaN."""
    if not found <= limit:
        raise NotEqualError(f"{what} is {found:.2g}, expected <= {limit:g}")


def close(
    limit: float, typical: float = math.inf
) -> Callable[[Any, Any], None]:
    """Return a check with limits on the largest and median differences."""

    def check(result: Any, old: Any) -> None:
        pairs = zip(jax.tree.leaves(result), jax.tree.leaves(old), strict=True)
        for leaf, expected in pairs:
            check_equal(np.shape(expected), np.shape(leaf), "the shape")
            off = np.abs(np.asarray(leaf) - np.asarray(expected))
            check_at_most(off.max(), limit, "the largest difference")
            check_at_most(np.median(off), typical, "the median difference")

    return check


def same_leaves(result: Any, old: Any) -> None:
    """Compare the leaves of two trees; dictionaries are sorted by key."""
    one, two = jax.tree.leaves(old), jax.tree.leaves(result)
    if len(one) != len(two):
        raise NotEqualError(f"{len(two)} leaves, expected {len(one)}")
    for number, (a, b) in enumerate(zip(one, two, strict=True)):
        check_equal(a, b, f"leaf {number}")


def read_view(tokens: Tokens, keys: Sequence[str]) -> dict[str, Any]:
    """Read every property of a view."""
    view = tokens.select_tokens(keys)
    return {
        "data": view.data,
        "labels": view.labels,
        "mask": view.self_attention_mask,
        "padding": view.padding_mask,
        "index": view.functional_inputs,
        "slices": view.slices,
    }


def read_masks(tokens: Tokens) -> dict[str, Any]:
    """Return the three masks of a legacy flat dictionary."""
    return {
        "y": tokens.select_tokens(Y_KEYS).self_attention_mask,
        "theta": tokens.select_tokens(THETA_KEYS).self_attention_mask,
        "cross": tokens.cross_attention_mask(THETA_KEYS, Y_KEYS),
    }


def same_tokens(result: Any, old: Any) -> None:
    """Compare Tokens, or a tuple that begins with Tokens, with legacy data."""
    tokens = result[0] if type(result) is tuple else result
    keys = {"theta": THETA_KEYS, "y": Y_KEYS}
    views = {side: read_view(tokens, keys[side]) for side in keys}
    compare_views(old, None, views, read_masks(tokens)["cross"])


def compare_views(
    flat: Mapping[str, Any],
    described: Mapping[str, Any] | None,
    views: Mapping[str, Mapping[str, Any]],
    cross: Any = None,
) -> None:
    """Compare the view of each side with legacy data and, if given, slices.

    Labels and masks may be shared by all samples. When data sets of different
    sizes are joined, the legacy function pads the token axis, but the core pads
    each key; then only tokens that are not padding are compared, with their
    order and masks.
    """
    masks, real = flat.get("masks", {}), {}
    for side, view in views.items():
        shape = np.shape(flat["data"][side])[:2]
        old = np.asarray(masks.get("padding", {}).get(side, np.ones(shape)))
        old, new = np.broadcast_to(old, shape) != 0, np.asarray(view["padding"])
        real[side] = old, new
        check_equal(old.sum(-1), new.sum(-1), f"number of tokens of {side}")
        if described is not None and view["slices"] != described[side]:
            raise NotEqualError(
                f"slices {view['slices']}, expected {described[side]}"
            )
        # Legacy index rows follow the sorted keys, unlike the data.
        order = {"index": _by_key(view["slices"])}
        for what in ("data", "labels", "index"):
            rows = order.get(what, slice(None))
            if what in flat:
                check_equal(
                    _real_rows(flat[what][side], old),
                    _real_rows(view[what][:, rows], new[:, rows]),
                    f"{what} of {side}",
                )
    found = {side: view["mask"] for side, view in views.items()}
    found |= {} if cross is None else {"cross": cross}
    for name, mask in found.items() if "attention" in masks else ():
        ends = ("theta", "y") if name == "cross" else (name, name)
        _compare_masks(
            name, masks["attention"][name], mask, *map(real.get, ends)
        )


def _real_rows(array: Any, real: Any) -> Any:
    array = np.asarray(array)
    return np.broadcast_to(array, (*real.shape, *array.shape[2:]))[real]


def _by_key(slices: Mapping[str, Any]) -> Any:
    keys = sorted(slices, key=lambda key: slices[key]["offset"])
    lengths = [math.prod(slices[key]["event_shape"]) for key in keys]
    return np.argsort(np.repeat(keys, lengths), kind="stable")


def _compare_masks(
    name: str, old: Any, new: Any, rows: Any, columns: Any
) -> None:
    old, new, n = np.asarray(old), np.asarray(new), len(rows[0])
    if all(real.all() for real in (*rows, *columns)):
        check_equal(old, np.broadcast_to(new, old.shape), f"mask of {name}")
        return
    for sample in (0, n // 2 - 1, n // 2, n - 1):
        of_old, of_new = (
            np.ix_(rows[i][sample], columns[i][sample]) for i in (0, 1)
        )
        what = f"mask of {name} in sample {sample}"
        check_equal(old[sample][of_old], new[of_new], what)
