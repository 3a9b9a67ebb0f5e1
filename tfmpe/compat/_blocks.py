"""Token array of theta or y of legacy data, computed by the core."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from tfmpe.compat.defects.l11_width_of_extras import token_widths
from tfmpe.compat.defects.l14_pad_value_overflow import check_pad_value
from tfmpe.preprocessing import KeyLayout
from tfmpe.preprocessing.layout.layout import packed, slices_of
from tfmpe.preprocessing.tokens.flatten import flatten_values


def flatten_blocks(
    data: Mapping[str, Any],
    sample_ndims: int,
    batch_ndims: Mapping[str, int],
    pad_value: Any,
    max_batch_size: int,
) -> tuple[Any, dict[str, Any]]:
    """Flatten the keys of theta or y to one token array.

    Parameters
    ----------
    data : dict of arrays, each of shape (*sample, *event, *batch)
    sample_ndims : int
    batch_ndims : dict of int
        Number of trailing axes of each key that form a token; 1 by default.
    pad_value : float
    max_batch_size : int
        Width of a token.

    Returns
    -------
    flat : Array, shape (*sample, n_tokens, max_batch_size)
    slices : dict

    Raises
    ------
    ValueError
        If there are no arrays.
    TypeError
        If shapes are incompatible.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy:
    ``sfmpe.util.dataloader.flatten_blocks``.
    """
    keys = tuple(
        packed(
            _key_layout(name, leaf, sample_ndims, batch_ndims.get(name, 1))
            for name, leaf in data.items()
        )
    )
    if not keys:
        raise ValueError(
            "Need at least one array to flatten; a side of data is empty."
        )
    return (
        _flatten(
            keys, list(data.values()), sample_ndims, pad_value, max_batch_size
        ),
        slices_of(keys),
    )


def _flatten(
    keys: Sequence[KeyLayout],
    leaves: Sequence[Any],
    sample_ndims: int,
    pad_value: Any,
    width: int,
) -> Any:
    sample_shape = _check_shapes(keys, leaves, sample_ndims)
    check_pad_value(
        pad_value,
        [
            leaf
            for key, leaf in zip(keys, leaves, strict=True)
            if key.width < width and leaf.size
        ],
    )
    return flatten_values(leaves, keys, sample_shape, width, pad_value)


def _flatten_leaf(
    leaf: Any,
    sample_ndims: int,
    batch_ndims: int,
    pad_value: Any,
    max_batch_size: int,
) -> Any:
    """Flatten one array to tokens, ``(*sample, n_tokens, max_batch_size)``.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader._flatten_leaf``.
    """
    key = _key_layout("leaf", leaf, sample_ndims, batch_ndims)
    return _flatten([key], [leaf], sample_ndims, pad_value, max_batch_size)


def _get_batch_ndims(data: Any, data_batch_ndims: Any) -> Any:
    """Return ``data_batch_ndims``, or a tree of ones like ``data`` if None.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader._get_batch_ndims``.
    """
    if data_batch_ndims is not None:
        return data_batch_ndims
    return jax.tree.map(lambda _: 1, dict(data))


def _get_max_batch_size(data: Any, batch_ndims_tree: Any) -> int:
    """Return the largest number of values in one token over all of ``data``.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader._get_max_batch_size``.
    """
    widths = token_widths(data, batch_ndims_tree)
    return max(jax.tree.leaves(widths), default=0)


def _check_shapes(
    keys: Sequence[KeyLayout], leaves: Sequence[Any], sample_ndims: int
) -> tuple[int, ...]:
    """Return the common sample shape, or raise an error of the legacy type."""
    for key, leaf in zip(keys, leaves, strict=True):
        n_samples = math.prod(leaf.shape[:sample_ndims])
        if n_samples * key.n_tokens * key.width != leaf.size:
            raise reshape_error(leaf)(
                f"{key.name!r} of shape {leaf.shape} cannot be flattened to "
                f"{sample_ndims} sample axes, the event shape "
                f"{key.event_shape} and the batch shape {key.batch_shape}."
            )
    shapes = {
        key.name: tuple(leaf.shape[:sample_ndims])
        for key, leaf in zip(keys, leaves, strict=True)
    }
    if len(set(shapes.values())) > 1:
        raise TypeError(
            f"The sample shapes of the keys of one side differ: {shapes}."
        )
    return shapes[keys[0].name]


def _key_layout(
    name: str, leaf: Any, sample_ndims: int, batch_ndims: int
) -> KeyLayout:
    # Negative indices, as in the legacy code: with 0 batch axes, the batch
    # shape becomes the whole shape, and a later step usually fails.
    event_shape = tuple(leaf.shape[sample_ndims:-batch_ndims])
    batch_shape = tuple(leaf.shape[-batch_ndims:])
    return KeyLayout(name, (name,), 0, event_shape, batch_shape, 0)


def reshape_error(array: Any) -> type[Exception]:
    """Return the type of error that ``reshape`` raises for this array."""
    return ValueError if isinstance(array, np.ndarray) else TypeError
