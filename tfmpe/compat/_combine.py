"""Joining and padding of legacy data, computed by the core."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import grow, join, on_host, owned
from tfmpe.compat._flatten import SIDES
from tfmpe.compat.defects.l16_parts_dropped import check_parts, has_attention
from tfmpe.compat.defects.l17_samples_mixed_up import check_samples, n_samples
from tfmpe.preprocessing import PAD_VALUE


def pad_multidim_event(
    arr: Any,
    event_start: int,
    max_shape: tuple[int, ...],
    pad_value: Any = PAD_VALUE,
) -> Any:
    """Right-pad the axes from ``event_start`` on to ``max_shape``.

    Parameters
    ----------
    arr : array
    event_start : int
        First axis to pad.
    max_shape : tuple of int
        Sizes after padding.
    pad_value : float

    Returns
    -------
    Array
        With the dtype of ``arr``.

    Raises
    ------
    ValueError
        If an axis is larger than its size in ``max_shape``.
    IndexError
        If there are too few axes.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.pad_multidim_event``.
    """
    target = list(arr.shape)
    for dim, size in enumerate(max_shape):
        present = arr.shape[event_start + dim]
        if present > size:
            raise ValueError(
                f"Cannot pad axis {event_start + dim} of an array of shape "
                f"{arr.shape} from {present} to {size}: it is already larger."
            )
        # Not by one slice, because axes may be counted from the end.
        target[event_start + dim] = size
    return owned(grow(arr, 0, target, pad_value))


def pad_1d(a: Any, new_size: int, pad_value: Any = PAD_VALUE) -> Any:
    """Right-pad axis 1 to ``new_size``; see :func:`pad_multidim_event`."""
    return pad_multidim_event(a, 1, (new_size,), pad_value)


def pad_2d(a: Any, new_size: int, pad_value: Any = PAD_VALUE) -> Any:
    """Right-pad axes 1 and 2, such as those of a self-attention mask."""
    return pad_multidim_event(a, 1, (new_size, new_size), pad_value)


def pad_2d_cross(
    a: Any, new_size_x: int, new_size_y: int, pad_value: Any = PAD_VALUE
) -> Any:
    """Right-pad axes 1 and 2, such as those of a cross-attention mask."""
    return pad_multidim_event(a, 1, (new_size_x, new_size_y), pad_value)


def combine_data(
    x: Mapping[str, Any], y: Mapping[str, Any], pad_value: Any = PAD_VALUE
) -> dict[str, Any]:
    """Join two results of ``flatten_structured`` along the samples.

    Parameters
    ----------
    x, y : dict
        Flat dictionaries.
    pad_value : float
        Fills the data and index of missing tokens.

    Returns
    -------
    dict
        ``'data'``, ``'masks'`` with ``'padding'`` and, if both arguments have
        them, ``'labels'``, ``masks['attention']`` and ``'index'`` (L16).
        Labels, masks and index are repeated for every sample (L17).

    Raises
    ------
    KeyError
        If a side is missing.
    TypeError, ValueError
        If shapes are incompatible.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.combine_data``. On Tokens:
    ``concatenate_tokens(x, y)``, which copies no mask.
    """
    pair = (x, y)
    check_parts(x, y)
    counts = [n_samples(flat["data"]) for flat in pair]
    for number, flat in enumerate(pair):
        check_samples(number, flat["data"])
    combined: dict[str, Any] = {
        "data": {
            side: _stack([flat["data"][side] for flat in pair], 1, pad_value)
            for side in SIDES
            if side in x["data"] and side in y["data"]
        }
    }
    if "labels" in x and "labels" in y:
        combined["labels"] = {
            side: _stack_rows([f["labels"][side] for f in pair], counts, 1, 0)
            for side in SIDES
        }
    masks = {
        "padding": {
            side: _stack_rows(
                [
                    _padding(f, side, n)
                    for f, n in zip(pair, counts, strict=True)
                ],
                counts,
                1,
                0,
            )
            for side in SIDES
        }
    }
    if has_attention(x) and has_attention(y):
        masks["attention"] = {
            name: _stack_rows(
                [flat["masks"]["attention"][name] for flat in pair],
                counts,
                2,
                0,
            )
            for name in ("theta", "y", "cross")
        }
    combined["masks"] = masks
    if "index" in x and "index" in y:
        combined["index"] = {
            side: _stack_rows(
                [flat["index"][side] for flat in pair], counts, 1, pad_value
            )
            for side in SIDES
        }
    return combined


def _padding(flat: Mapping[str, Any], side: str, n: int) -> Any:
    """Return the padding mask of a side, or ones if there is no mask."""
    padding = flat.get("masks", {}).get("padding")
    if padding is not None:
        return padding[side]
    data = flat["data"][side]
    return jnp.ones((n, data.shape[1]), data.dtype)


def _stack_rows(
    arrays: list[Any], counts: list[int], n_axes: int, pad_value: Any
) -> Any:
    """Repeat each array for every sample, pad to equal sizes, and stack."""
    repeated = []
    for array, count in zip(arrays, counts, strict=True):
        xp = np if on_host([array]) else jnp
        repeated.append(xp.broadcast_to(array, (count, *array.shape[1:])))
    return _stack(repeated, n_axes, pad_value)


def _stack(arrays: list[Any], n_axes: int, pad_value: Any) -> Any:
    sizes = tuple(
        max(array.shape[1 + axis] for array in arrays) for axis in range(n_axes)
    )
    padded = [grow(array, 1, sizes, pad_value) for array in arrays]
    if padded[0].shape[1:] != padded[1].shape[1:]:
        raise TypeError(
            f"Cannot join arrays of shapes {arrays[0].shape} and "
            f"{arrays[1].shape}: they may only differ along the first axes."
        )
    return join(padded, axis=0)
