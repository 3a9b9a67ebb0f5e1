"""Conversion of dicts of arrays to flat tokens, labels, masks and index."""

from math import prod

import jax
import jax.numpy as jnp
import numpy as np

from .masks import (
    build_cross_attention_mask,
    build_padding_mask,
    build_self_attention_mask,
)
from .padding import PAD_VALUE


def _batch_shape(leaf, batch_ndims):
    # Python's slicing is part of the behavior: with 0 trailing axes,
    # ``shape[-0:]`` is the whole shape.
    return leaf.shape[-batch_ndims:]


def _event_shape(leaf, sample_ndims, batch_ndims):
    # Likewise, ``shape[s:-0]`` is empty.
    return leaf.shape[sample_ndims:-batch_ndims]


def _flatten_leaf(leaf, sample_ndims, batch_ndims, pad_value, width):
    """Return one leaf as (*sample, n_tokens, width)."""
    n_tokens = prod(_event_shape(leaf, sample_ndims, batch_ndims))
    n_values = prod(_batch_shape(leaf, batch_ndims))
    tokens = leaf.reshape((*leaf.shape[:sample_ndims], n_tokens, n_values))
    widths = [(0, 0)] * (tokens.ndim - 1) + [(0, width - n_values)]
    # Padded leaf by leaf, so the pad value takes the type of each leaf before
    # concatenation promotes them.
    return jnp.pad(tokens, widths, constant_values=pad_value)


def flatten_blocks(
    blocks, sample_ndims, batch_ndims, pad_value, max_batch_size
):
    """Flatten the arrays of one side and join them on the token axis."""
    flat = []
    slices = {}
    offset = 0
    for key, leaf in blocks.items():
        axes = sample_ndims, batch_ndims[key]
        event_shape = _event_shape(leaf, *axes)
        slices[key] = {
            "offset": offset,
            "event_shape": event_shape,
            "batch_shape": _batch_shape(leaf, batch_ndims[key]),
        }
        offset += prod(event_shape)
        flat.append(_flatten_leaf(leaf, *axes, pad_value, max_batch_size))
    return jnp.concatenate(flat, axis=sample_ndims), slices


def _flatten_index(index, pad_value, sample_ndims):
    """Flatten functional inputs, in the order of the sorted keys."""
    flat = [
        _flatten_leaf(leaf, sample_ndims, 1, pad_value, leaf.shape[-1])
        for leaf in jax.tree.leaves(index)
    ]
    return jnp.concatenate(flat, axis=sample_ndims)


def _labels(blocks, ranks, slices, sample_ndims):
    """Return the rank of the key of each token; sample axes have size 1."""
    # NumPy refuses rank 128 for int8; jax.numpy would wrap around.
    flat = jnp.concatenate(
        [
            np.full((prod(slices[key]["event_shape"]),), ranks[key], np.int8)
            for key in blocks
        ]
    )
    return flat.reshape((*(1,) * sample_ndims, flat.shape[0]))


def _known_batch_ndims(data, batch_ndims):
    if batch_ndims is None:
        return jax.tree.map(lambda _: 1, data)
    for extra in ("theta_index", "y_index"):
        if extra in data:
            # The caller's dict is changed; scripts can see it (defect L12).
            batch_ndims[extra] = jax.tree.map(lambda _: 1, data[extra])
    return batch_ndims


def flatten_structured(
    data,
    data_sample_ndims=1,
    data_batch_ndims=None,
    index=None,
    pad_value=PAD_VALUE,
    event_shapes=None,
    independence={},  # noqa: B006 - the legacy default, never changed here
):
    """Flatten ``{'theta': {...}, 'y': {...}}`` to tokens and their slices.

    Other entries of the data affect only the width of the value axis, which is
    padded. `index` has functional inputs by key, `event_shapes` has true sizes
    by side and key, `independence` has the rules of ``masks``; without all
    three, the flat dict has only ``data`` and ``labels``.
    """
    batch_ndims = _known_batch_ndims(data, data_batch_ndims)
    widths = jax.tree.map(
        lambda leaf, n: prod(_batch_shape(leaf, n)), data, batch_ndims
    )
    width = max(jax.tree.leaves(widths))

    values = {}
    slices = {}
    for side in ("theta", "y"):
        values[side], slices[side] = flatten_blocks(
            data[side], data_sample_ndims, batch_ndims[side], pad_value, width
        )

    # A name on both sides is listed twice and keeps its later rank.
    names = sorted([*data["theta"], *data["y"]])
    ranks = {name: rank for rank, name in enumerate(names)}
    labels = {
        side: _labels(data[side], ranks, slices[side], data_sample_ndims)
        for side in ("theta", "y")
    }
    flat = {"data": values, "labels": labels}

    if event_shapes is not None or independence:
        flat["masks"] = _masks(slices, event_shapes, independence)

    if index is not None:
        flat["index"] = {
            side: _flatten_index(
                {key: index[key] for key in index if key in data[side]},
                pad_value,
                data_sample_ndims,
            )
            for side in ("theta", "y")
        }
    return flat, slices


def _masks(slices, event_shapes, independence):
    masks = {}
    if independence:
        attention = {
            "y": build_self_attention_mask(slices["y"], independence),
            "theta": build_self_attention_mask(slices["theta"], independence),
            "cross": build_cross_attention_mask(
                slices["theta"], slices["y"], independence
            ),
        }
        # One leading axis, however many sample axes there are.
        masks["attention"] = {
            name: mask[None] for name, mask in attention.items()
        }
    if event_shapes is not None:
        masks["padding"] = {
            side: build_padding_mask(slices[side], event_shapes[side])
            for side in ("theta", "y")
        }
    return masks
