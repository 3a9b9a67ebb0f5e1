"""Joining two flattened data sets along the sample axis."""

import jax.numpy as jnp

from .padding import PAD_VALUE, pad_1d, pad_2d, pad_2d_cross


def _per_sample(arr, n_samples):
    """Broadcast one row to a copy per sample."""
    return jnp.broadcast_to(arr, (n_samples, *arr.shape[1:]))


def _longest(x, y, axis=1):
    return max(x.shape[axis], y.shape[axis])


def _padding_masks(flat, n_samples):
    """Return the given padding masks, or ones in the type of the data."""
    if "masks" in flat and "padding" in flat["masks"]:
        return flat["masks"]["padding"]
    return {
        side: jnp.ones(
            (n_samples, flat["data"][side].shape[1]),
            dtype=flat["data"][side].dtype,
        )
        for side in ("theta", "y")
    }


def _join_sides(x, y, n_x, n_y, pad_value):
    """Pad axis 1, broadcast to the samples and stack, for each side."""
    joined = {}
    for side in ("theta", "y"):
        size = _longest(x[side], y[side])
        joined[side] = jnp.concatenate(
            [
                _per_sample(pad_1d(x[side], size, pad_value), n_x),
                _per_sample(pad_1d(y[side], size, pad_value), n_y),
            ]
        )
    return joined


def _join_attention(x, y, n_x, n_y):
    """Pad axes 1 and 2 with 0, broadcast to the samples and stack."""
    joined = {}
    for side in ("theta", "y"):
        size = _longest(x[side], y[side])
        joined[side] = jnp.concatenate(
            [
                _per_sample(pad_2d(x[side], size, 0), n_x),
                _per_sample(pad_2d(y[side], size, 0), n_y),
            ]
        )
    rows = _longest(x["cross"], y["cross"], axis=1)
    columns = _longest(x["cross"], y["cross"], axis=2)
    joined["cross"] = jnp.concatenate(
        [
            _per_sample(pad_2d_cross(x["cross"], rows, columns, 0), n_x),
            _per_sample(pad_2d_cross(y["cross"], rows, columns, 0), n_y),
        ]
    )
    return joined


def _have_attention(*flats):
    return all(
        "masks" in flat and "attention" in flat["masks"] for flat in flats
    )


def combine_data(x, y, pad_value=PAD_VALUE):
    """Stack two results of ``flatten_structured`` along the sample axis.

    Parameters
    ----------
    x, y : dict
        With ``data`` and, if there are any, ``labels``, ``masks``, ``index``.
    pad_value : float
        What fills data and index up to the longer token axis; labels and
        masks are filled with 0.

    Returns
    -------
    dict
        ``data``; ``labels``, ``masks.attention`` and ``index`` if both
        operands have them; ``masks.padding`` always. All but ``data`` have
        one copy per sample, as many as ``y`` has samples.

    Raises
    ------
    KeyError
        If ``data`` lacks ``y``, or ``theta`` where no padding mask is given.
    """
    n_x = x["data"]["y"].shape[0]
    n_y = y["data"]["y"].shape[0]

    data = {}
    for side in ("theta", "y"):
        if side in x["data"] and side in y["data"]:
            a, b = x["data"][side], y["data"][side]
            size = _longest(a, b)
            data[side] = jnp.concatenate(
                [pad_1d(a, size, pad_value), pad_1d(b, size, pad_value)]
            )
    combined = {"data": data}

    if "labels" in x and "labels" in y:
        combined["labels"] = _join_sides(x["labels"], y["labels"], n_x, n_y, 0)

    padding = _join_sides(
        _padding_masks(x, n_x), _padding_masks(y, n_y), n_x, n_y, 0
    )
    combined["masks"] = {"padding": padding}
    if _have_attention(x, y):
        combined["masks"]["attention"] = _join_attention(
            x["masks"]["attention"], y["masks"]["attention"], n_x, n_y
        )

    if "index" in x and "index" in y:
        combined["index"] = _join_sides(
            x["index"], y["index"], n_x, n_y, pad_value
        )
    return combined
