"""Concatenation of two flattened data sets along the sample axis."""

import jax.numpy as jnp

from .padding import PAD_VALUE, pad_1d, pad_2d, pad_2d_cross


def _padding_masks(flat, n_samples):
    """Return the given padding masks, or ones with the dtype of the data."""
    if "masks" in flat and "padding" in flat["masks"]:
        return flat["masks"]["padding"]
    sides = {side: flat["data"][side] for side in ("theta", "y")}
    return {
        side: jnp.ones((n_samples, arr.shape[1]), dtype=arr.dtype)
        for side, arr in sides.items()
    }


def _stack(x, y, n_x, n_y):
    """Stack two arrays, each broadcast to its number of samples."""
    return jnp.concatenate(
        [
            jnp.broadcast_to(arr, (n, *arr.shape[1:]))
            for arr, n in ((x, n_x), (y, n_y))
        ]
    )


def _join_sides(x, y, n_x, n_y, pad, value):
    """Pad each side to the longer token axis, and stack."""
    joined = {}
    for side in ("theta", "y"):
        a, b = x[side], y[side]
        size = max(a.shape[1], b.shape[1])
        both = pad(a, size, value), pad(b, size, value)
        joined[side] = _stack(*both, n_x, n_y)
    return joined


def _join_attention(x, y, n_x, n_y):
    """Pad axes 1 and 2 with 0, and stack."""
    joined = _join_sides(x, y, n_x, n_y, pad_2d, 0)
    a, b = x["cross"], y["cross"]
    rows, columns = (max(a.shape[axis], b.shape[axis]) for axis in (1, 2))
    both = [pad_2d_cross(each, rows, columns, 0) for each in (a, b)]
    return joined | {"cross": _stack(both[0], both[1], n_x, n_y)}


def combine_data(x, y, pad_value=PAD_VALUE):
    """Stack two results of ``flatten_structured`` along the sample axis.

    The shorter token axis is padded: data and index with the pad value, labels
    and masks with 0. Entries that only one argument has are left out. The
    result always has padding masks, with ones for an argument without any.
    Labels, masks and index are repeated for all samples of their argument.
    """
    n_x = x["data"]["y"].shape[0]
    n_y = y["data"]["y"].shape[0]

    data = {}
    for side in ("theta", "y"):
        if side in x["data"] and side in y["data"]:
            a, b = x["data"][side], y["data"][side]
            size = max(a.shape[1], b.shape[1])
            both = [pad_1d(a, size, pad_value), pad_1d(b, size, pad_value)]
            data[side] = jnp.concatenate(both)
    combined = {"data": data}

    if "labels" in x and "labels" in y:
        labels = x["labels"], y["labels"]
        combined["labels"] = _join_sides(*labels, n_x, n_y, pad_1d, 0)

    padding = _padding_masks(x, n_x), _padding_masks(y, n_y)
    padding = _join_sides(*padding, n_x, n_y, pad_1d, 0)
    combined["masks"] = {"padding": padding}
    if all("attention" in flat.get("masks", {}) for flat in (x, y)):
        combined["masks"]["attention"] = _join_attention(
            x["masks"]["attention"], y["masks"]["attention"], n_x, n_y
        )

    if "index" in x and "index" in y:
        index = x["index"], y["index"]
        combined["index"] = _join_sides(*index, n_x, n_y, pad_1d, pad_value)
    return combined
