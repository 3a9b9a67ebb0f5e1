"""Decoding of token arrays to one array per key, and changes of values."""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from tfmpe._base.arrays import (
    AnyArray,
    as_array,
    empty,
    hand_over,
    on_host,
    quiet_casts,
    readable,
)
from tfmpe._base.errors import unknown_key
from tfmpe._base.narrowing import check_castable
from tfmpe._base.static import static_shape
from tfmpe._base.trees import unflatten_tree
from tfmpe.preprocessing.layout.labelled import check_axes
from tfmpe.preprocessing.layout.layout import KeyLayout, Slices, checked_names
from tfmpe.preprocessing.layout.slices import keys_from_slices

TokenArray: TypeAlias = Shaped[AnyArray, "*sample tokens width"]


def decode_values(
    flat: TokenArray, keys: Sequence[KeyLayout], sample_shape: tuple[int, ...]
) -> list[AnyArray]:
    """Return every key's values, as NumPy views or as JAX arrays."""
    source = readable(flat)
    blocks = [
        source[index].reshape(shape)
        for index, shape in _cuts(tuple(keys), sample_shape)
    ]
    if isinstance(source, np.ndarray) and not isinstance(flat, np.ndarray):
        # All at once: each transfer costs as much as slicing all keys.
        return jax.device_put(blocks)
    return blocks


@functools.lru_cache(maxsize=256)
def _cuts(
    keys: tuple[KeyLayout, ...], sample_shape: tuple[int, ...]
) -> tuple[tuple[tuple[Any, ...], tuple[int, ...]], ...]:
    """Return the index and the shape of every key's values."""
    return tuple(
        (
            (..., key.block, slice(key.width)),
            (*sample_shape, *key.event_shape, *key.batch_shape),
        )
        for key in keys
    )


def decode_tree(
    flat: TokenArray,
    keys: Sequence[KeyLayout],
    sample_shape: tuple[int, ...] | None = None,
) -> dict[str, Any]:
    """Return the values of the keys as a nested dictionary."""
    check_room(flat, keys)
    shape = tuple(flat.shape[:-2]) if sample_shape is None else sample_shape
    return unflatten_tree(keys, decode_values(flat, keys, shape))


def check_room(flat: AnyArray, keys: Iterable[KeyLayout]) -> None:
    """Check that tokens are wide enough for the values of every key."""
    for key in keys:
        if key.width > flat.shape[-1]:
            raise ValueError(
                f"{key.name!r} holds {key.width} values in a token, but the "
                f"tokens of the flat array have {flat.shape[-1]}."
            )


def set_blocks(
    flat: TokenArray,
    changes: Sequence[tuple[slice, Shaped[AnyArray, "*sample _ _"]]],
) -> Shaped[Array, "*sample tokens width"]:
    """Return a copy with the first columns of some tokens replaced."""
    if on_host([flat, *(block for _, block in changes)]):
        changed = empty(tuple(flat.shape), np.dtype(flat.dtype))
        changed[...] = flat
        with quiet_casts():
            for rows, block in changes:
                changed[..., rows, : block.shape[-1]] = block
        return hand_over(changed)
    flat = jnp.asarray(flat)
    for rows, block in changes:
        block = jnp.asarray(block, flat.dtype)
        flat = flat.at[..., rows, : block.shape[-1]].set(block)
    return flat


def decode_pytree(
    flat_array: object,
    slices: Slices,
    sample_shape: object,
    keys: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Rebuild the tree of arrays from a token array.

    Parameters
    ----------
    flat_array : array, shape (*sample, n_tokens, width)
        As returned by :func:`flatten_pytree` (see there for an example), or
        another array with the same tokens.
    slices : mapping
        As returned by :func:`flatten_pytree`, for all keys.
    sample_shape : sequence of int
        Sample shape of the result, with as many samples as ``flat_array``.
    keys : sequence of str, optional
        Rebuild only these keys, in this order.

    Returns
    -------
    nested dict of arrays, each of shape (*sample_shape, *event, *batch)
        Views for NumPy input, else JAX arrays.

    Raises
    ------
    ValueError
        If ``slices`` or ``sample_shape`` does not match the flat array.
    UnknownKeyError
        If ``keys`` names a key not in ``slices``.
    DynamicShapeError
        If ``slices`` or ``sample_shape`` was traced.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad``. Legacy: ``decode_theta``.
    """
    entries = keys_from_slices(slices)
    flat = token_array(flat_array, "flat_array")
    check_token_count(flat, sum(key.n_tokens for key in entries))
    shape = static_shape(sample_shape, "sample_shape")
    if math.prod(shape) != math.prod(flat.shape[:-2]):
        raise ValueError(
            f"sample_shape {shape} does not match the "
            f"{math.prod(flat.shape[:-2])} samples of a flat array of "
            f"shape {tuple(flat.shape)}."
        )
    if keys is not None:
        entries = select_keys(entries, keys)
    return decode_tree(flat, entries, shape)


def update_flat_array(
    flat_array: Shaped[AnyArray, "*sample tokens width"],
    slices: Slices,
    key: str,
    new_value: object,
) -> Shaped[Array, "*sample tokens width"]:
    """Return a token array with the values of one key replaced.

    Parameters
    ----------
    flat_array : array
        Not modified. See :func:`flatten_pytree` for an example.
    slices : mapping
        As returned by :func:`flatten_pytree`.
    key : str
        The key to replace; nested keys are joined with ``/``.
    new_value : array, shape (*sample, *event, *batch)
        Without the sample axes, every sample gets the same values.

    Returns
    -------
    Array

    Raises
    ------
    UnknownKeyError, ValueError, TypeError
        See :meth:`Tokens.with_values`.
    DynamicShapeError
        If ``slices`` was traced.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad`` with respect to both arrays.
    """
    entries = select_keys(keys_from_slices(slices), [key])
    return replace_values(flat_array, entries, [new_value])


def replace_values(
    flat: TokenArray, keys: Sequence[KeyLayout], values: Sequence[object]
) -> Shaped[Array, "*sample tokens width"]:
    """Return a token array with the values of some keys replaced."""
    changes = [
        (key.block, _value_block(value, key, tuple(flat.shape[:-2])))
        for key, value in zip(keys, values, strict=True)
    ]
    for key, (_, block) in zip(keys, changes, strict=True):
        check_castable(block, flat.dtype, f"The new value of {key.name!r}")
    return set_blocks(flat, changes)


def token_array(
    value: object, what: str, keys: Sequence[KeyLayout] | None = None
) -> AnyArray:
    """Return a token array, checked against the sizes of ``keys``."""
    # There are no names to compare the axes of a DataArray with.
    check_axes(value, (), what)
    array = as_array(value, what)
    if keys is not None:
        check_token_count(array, sum(key.n_tokens for key in keys))
        check_room(array, keys)
    return array


def key_array(value: object, key: KeyLayout, what: str) -> AnyArray:
    """Return the array ``(*sample, *event, *batch)`` of one key."""
    check_axes(value, (*key.known_dims, *(None for _ in key.batch_shape)), what)
    return as_array(value, what)


def check_token_count(flat: AnyArray, expected: int) -> None:
    """Check that a token array has as many tokens as its metadata."""
    if flat.ndim < 2:
        raise ValueError(
            "Expected a token array of shape (*sample, n_tokens, width), "
            f"got the shape {flat.shape}."
        )
    if flat.shape[-2] != expected:
        raise ValueError(
            f"Slice metadata specifies {expected} tokens but flat array has "
            f"{flat.shape[-2]} tokens"
        )


def select_keys(
    keys: Sequence[KeyLayout], names: Iterable[str]
) -> tuple[KeyLayout, ...]:
    """Return the layouts of some keys by name, with unchanged offsets."""
    by_name = {key.name: key for key in keys}
    names = checked_names(names)
    for name in names:
        if name not in by_name:
            raise unknown_key(name, by_name)
    return tuple(by_name[name] for name in names)


def _value_block(
    value: object, key: KeyLayout, sample_shape: tuple[int, ...]
) -> TokenArray:
    """Return a new value of one key as tokens, broadcast to all samples."""
    what = f"The new value of {key.name!r}"
    inner = (*key.event_shape, *key.batch_shape)
    array = key_array(value, key, what)
    full = (*sample_shape, *inner)
    if tuple(array.shape) not in (full, inner):
        raise ValueError(
            f"The new value of {key.name!r} has shape {tuple(array.shape)}, "
            f"expected {full} (sample, event and batch axes), or {inner} for "
            "the same values in every sample."
        )
    lead = array.shape[: array.ndim - len(inner)]
    block = readable(array).reshape((*lead, key.n_tokens, key.width))
    xp = np if on_host([block]) else jnp
    return xp.broadcast_to(block, (*sample_shape, key.n_tokens, key.width))
