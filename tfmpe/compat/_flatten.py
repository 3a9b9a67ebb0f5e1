"""Flattening of legacy data to nested dicts, computed by the core."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmpe._base.arrays import join, on_device, readable
from tfmpe.compat._blocks import (
    _get_batch_ndims,
    flatten_blocks,
    reshape_error,
)
from tfmpe.compat._masks import (
    build_padding_mask,
    legacy_cross_mask,
    legacy_self_mask,
    rule_pairs,
)
from tfmpe.compat.defects.l01_index_rows_sorted import (
    check_key_order,
    leaves_in_sorted_order,
)
from tfmpe.compat.defects.l02_index_rows_missing import check_index_keys
from tfmpe.compat.defects.l03_shared_labels import label_dtype, legacy_ranks
from tfmpe.compat.defects.l08_one_way_rules import check_directions
from tfmpe.compat.defects.l11_width_of_extras import legacy_width
from tfmpe.compat.defects.l12_caller_changed import add_index_entries
from tfmpe.preprocessing import PAD_VALUE, KeyLayout
from tfmpe.preprocessing.tokens.decode import decode_values

SIDES = ("theta", "y")


def flatten_structured(
    data: Any,
    data_sample_ndims: int = 1,
    data_batch_ndims: Any = None,
    index: Any = None,
    pad_value: Any = PAD_VALUE,
    event_shapes: Any = None,
    independence: Any = {},  # noqa: B006 - the legacy default; never changed
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Flatten ``{'theta': …, 'y': …}`` into the legacy nested dicts.

    Parameters
    ----------
    data : dict
        ``{'theta': {key: array}, 'y': {key: array}}``; other entries are not
        flattened, but affect the width of tokens (L11).
    data_sample_ndims : int
        Number of leading sample axes.
    data_batch_ndims : tree of int, optional
        Number of trailing axes that form a token, with the structure of
        ``data``; 1 by default. May be changed in place (L12).
    index : dict of arrays, optional
        Functional inputs of each key (L1, L2).
    pad_value : float
        Fills tokens with fewer values than the widest (L14).
    event_shapes : dict, optional
        True event shapes, with the structure of ``data``.
    independence : dict
        Rules between keys; rules for absent keys are ignored.

    Returns
    -------
    flat : dict
        ``'data'``, ``'labels'`` and, if requested, ``'masks'`` and
        ``'index'``, each with the sides ``'theta'`` and ``'y'``. Masks are
        float32, labels int8.
    slices : dict
        ``{side: {key: {'offset', 'event_shape', 'batch_shape'}}}``.

    Raises
    ------
    KeyError, ValueError, TypeError, IndexError, OverflowError
        If the legacy function raises it for the same input.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.flatten_structured``, bit for bit. On
    Tokens: ``Tokens.from_pytree({**theta, **y}, independence)``.
    """
    if data_batch_ndims is not None:
        add_index_entries(data, data_batch_ndims)
    batch_ndims = _get_batch_ndims(data, data_batch_ndims)
    width = legacy_width(data, batch_ndims)
    values: dict[str, Any] = {}
    slices: dict[str, Any] = {}
    for side in SIDES:
        values[side], slices[side] = flatten_blocks(
            data[side],
            data_sample_ndims,
            batch_ndims[side],
            pad_value,
            width,
        )
    flat: dict[str, Any] = {
        "data": values,
        "labels": build_labels(slices, data_sample_ndims),
    }
    masks = {}
    if independence:
        masks["attention"] = build_attention(slices, independence)
    if event_shapes is not None:
        masks["padding"] = {
            side: build_padding_mask(slices[side], event_shapes[side])
            for side in SIDES
        }
    if masks:
        flat["masks"] = masks
    if index is not None:
        flat["index"] = {
            side: _side_index(
                side, slices[side], index, pad_value, data_sample_ndims
            )
            for side in SIDES
        }
    return flat, slices


def build_labels(
    slices: Mapping[str, Mapping[str, Any]],
    sample_ndims: int,
    ranks: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the int8 labels of both sides, with sample axes of size 1."""
    if ranks is None:
        ranks = legacy_ranks(list(slices["theta"]), list(slices["y"]))
    return {
        side: _get_flat_labels(slices[side], ranks, sample_ndims)
        for side in SIDES
    }


def _get_flat_labels(
    block_slices: Mapping[str, Mapping[str, Any]],
    label_map: Mapping[str, int],
    sample_ndims: int = 1,
) -> Any:
    """Return the labels of one side.

    Parameters
    ----------
    block_slices : dict
        One side of the slices of :func:`flatten_structured`.
    label_map : dict of int
        A label for each key.
    sample_ndims : int

    Returns
    -------
    Array of int8, shape (*ones, n_tokens)
        ``sample_ndims`` leading axes of size 1.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader._get_flat_labels``.
    """
    dtype = label_dtype(list(label_map.values()))
    row = np.repeat(
        np.array([label_map[name] for name in block_slices], dtype),
        [math.prod(e["event_shape"]) for e in block_slices.values()],
    )
    return on_device(row.reshape((*(1,) * sample_ndims, row.size)))


def build_attention(
    slices: Mapping[str, Mapping[str, Any]], independence: Any
) -> dict[str, Any]:
    """Return the float32 attention masks, in the legacy order of sides."""
    theta, y = slices["theta"], slices["y"]
    masks = {
        "y": legacy_self_mask(y, independence),
        "theta": legacy_self_mask(theta, independence),
        "cross": legacy_cross_mask(theta, y, independence),
    }
    check_directions(rule_pairs(independence), theta, y)
    return {name: on_device(mask[None]) for name, mask in masks.items()}


def _side_index(
    side: str,
    slices: Mapping[str, Any],
    index: Mapping[str, Any],
    pad_value: Any,
    sample_ndims: int,
) -> Any:
    chosen = {name: leaf for name, leaf in index.items() if name in slices}
    check_index_keys(side, slices, chosen)
    check_key_order(side, [name for name in slices if name in chosen])
    return _flatten_index(chosen, pad_value, sample_ndims)


def _flatten_index(
    index: Mapping[str, Any], pad_value: Any, sample_ndims: int = 1
) -> Any:
    """Flatten an index to one row per token, in sorted order of keys (L1).

    Parameters
    ----------
    index : dict of arrays, each of shape (*sample, *event, n_inputs)
    pad_value : float
        Not used: rows are never padded.
    sample_ndims : int

    Returns
    -------
    Array, shape (*sample, n_tokens, n_inputs)

    Raises
    ------
    ValueError
        If the index is empty.
    TypeError
        If sample shapes or numbers of inputs differ.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader._flatten_index``.
    """
    del pad_value
    leaves = leaves_in_sorted_order(index)
    if not leaves:
        raise ValueError(
            "Need at least one array: index has no entry for any key of this "
            "side. Pass the index of at least one key of each side."
        )
    rows = [
        readable(leaf).reshape(
            (
                *leaf.shape[:sample_ndims],
                math.prod(leaf.shape[sample_ndims:-1]),
                leaf.shape[-1],
            )
        )
        for leaf in leaves
    ]
    if len({(each.shape[:-2], each.shape[-1]) for each in rows}) > 1:
        raise TypeError(
            "All arrays of an index must have the same sample shape and the "
            "same number of inputs, their last axis; their shapes, in the "
            f"order of sorted keys, are {[leaf.shape for leaf in leaves]}."
        )
    return join(rows, axis=-2)


def decode_theta(
    theta: Any,
    theta_slices: Mapping[str, Mapping[str, Any]],
    sample_shape: Any,
) -> dict[str, Any]:
    """Rebuild the arrays of one side from its tokens.

    Parameters
    ----------
    theta : array, shape (*sample, n_tokens, width)
    theta_slices : dict
        One side of the slices of :func:`flatten_structured`.
    sample_shape : tuple of int

    Returns
    -------
    dict of arrays, each of shape (*sample_shape, *event, *batch)
        NumPy arrays if ``theta`` is one, else JAX arrays; keys are in the
        order of the slices.

    Raises
    ------
    TypeError, ValueError
        If the tokens do not fill the shapes.
    KeyError
        If slices are incomplete.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy:
    ``sfmpe.util.dataloader.decode_theta``. On Tokens: ``tokens.decode()``.
    """
    # Raises an error for a list, as the legacy function does.
    sample_shape = sample_shape + ()  # noqa: RUF005
    keys = [
        KeyLayout(
            name,
            (name,),
            entry["offset"],
            entry["event_shape"],
            entry["batch_shape"],
            0,
        )
        for name, entry in theta_slices.items()
    ]
    decoded = {}
    for key in keys:
        try:
            (decoded[key.name],) = decode_values(theta, [key], sample_shape)
        except (ValueError, TypeError) as error:
            wanted = (*sample_shape, *key.event_shape, *key.batch_shape)
            raise reshape_error(theta)(
                f"The tokens of {key.name!r} in an array of shape "
                f"{theta.shape} do not fill the shape {wanted}."
            ) from error
    return decoded


def encode_unknown_theta(
    theta_slices: Mapping[str, Mapping[str, Any]],
    index: Any = None,
    data_sample_ndims: int = 1,
    pad_value: Any = PAD_VALUE,
) -> Any:
    """Raise ``TypeError``: the legacy function always failed (L52).

    Raises
    ------
    TypeError
        Always, as the legacy function did.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.encode_unknown_theta``.
    """
    raise TypeError(
        "encode_unknown_theta always failed in the legacy package (it "
        "indexes an integer). Take labels, masks and index of the unknown "
        "parameters from flatten_structured of data of the same shapes, or "
        "use Tokens, where they do not depend on the values."
    )
