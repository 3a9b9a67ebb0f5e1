"""From one token array back to arrays per key, and changing one key."""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from tfmpe._base.arrays import (
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
from tfmpe.preprocessing.layout.layout import KeyLayout, checked_names
from tfmpe.preprocessing.layout.slices import keys_from_slices


def decode_values(
    flat: Any, keys: Sequence[KeyLayout], sample_shape: tuple[int, ...]
) -> list[Any]:
    """Take every key's values out of a token array again.

    Returns
    -------
    list of arrays, shape (*sample_shape, *event_shape, *batch_shape)
        Views for NumPy input, else jax arrays.
    """
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
    """Return where every key's values lie, and their shape."""
    return tuple(
        (
            (..., key.block, slice(key.width)),
            (*sample_shape, *key.event_shape, *key.batch_shape),
        )
        for key in keys
    )


def set_blocks(
    flat: Any, changes: Sequence[tuple[slice, Any]]
) -> Shaped[Array, "*sample tokens width"]:
    """Return a copy of a token array with some tokens' values replaced.

    Parameters
    ----------
    flat : array, shape (*sample, n_tokens, width)
    changes : sequence of (slice, array)
        Which tokens, and their new values ``(*sample, n, columns)``; columns
        further right stay as they are.
    """
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
    flat_array: Any,
    slices: Mapping[str, Mapping[str, Any]],
    sample_shape: Any,
    keys: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Rebuild the tree of arrays from a token array.

    Parameters
    ----------
    flat_array : array, shape (*sample, n_tokens, width)
        As returned by :func:`flatten_pytree`, or another with the same
        tokens.
    slices : mapping
        ``{key: {'offset', 'event_shape', 'batch_shape'}}`` of all keys.
    sample_shape : sequence of int
        Sample shape of the result; its product must be that of
        ``flat_array``, not necessarily that of the original data.
    keys : sequence of str, optional
        Rebuild these only, in this order.

    Returns
    -------
    nested dict of arrays, each of shape (*sample_shape, *event, *batch)
        Views for NumPy input, else jax arrays.

    Raises
    ------
    ValueError
        If ``slices`` does not describe as many tokens as there are.
    UnknownKeyError
        If ``keys`` names a key not in ``slices``.
    DynamicShapeError
        If ``slices`` or ``sample_shape`` was traced.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad``. Legacy: ``decode_theta``.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe import flatten_pytree
    >>> data = {"mu": np.ones((4, 1, 1)), "obs": np.ones((4, 3, 1))}
    >>> flat, slices = flatten_pytree(data, 1, None, -1e8, 1)
    >>> decode_pytree(flat, slices, (4,), keys=["obs"])["obs"].shape
    (4, 3, 1)
    """
    entries = keys_from_slices(slices)
    flat_array = token_array(flat_array, "flat_array")
    check_token_count(flat_array, sum(key.n_tokens for key in entries))
    shape = static_shape(sample_shape, "sample_shape")
    if math.prod(shape) != math.prod(flat_array.shape[:-2]):
        raise ValueError(
            f"sample_shape {shape} does not hold the "
            f"{math.prod(flat_array.shape[:-2])} samples of a flat array of "
            f"shape {tuple(flat_array.shape)}."
        )
    if keys is not None:
        entries = tuple(select_keys(entries, keys))
    check_room(flat_array, entries)
    return unflatten_tree(
        [key.path for key in entries],
        decode_values(flat_array, entries, shape),
    )


def update_flat_array(
    flat_array: Any,
    slices: Mapping[str, Mapping[str, Any]],
    key: str,
    new_value: Any,
) -> Shaped[Array, "*sample tokens width"]:
    """Return a token array with the values of one key replaced.

    Parameters
    ----------
    flat_array : array, shape (*sample, n_tokens, width)
        Left unchanged.
    slices : mapping
        ``{key: {'offset', 'event_shape', 'batch_shape'}}``.
    key : str
        The key to replace; nested keys are joined with ``/``.
    new_value : array, shape (*sample, *event, *batch)
        Or without the sample axes, for the same values in every sample.

    Returns
    -------
    Array, shape (*sample, n_tokens, width)

    Raises
    ------
    UnknownKeyError
        If ``key`` is not in ``slices``.
    ValueError
        If ``new_value`` has another shape.
    TypeError
        If its dtype does not fit into that of the tokens.
    DynamicShapeError
        If ``slices`` was traced.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad`` with respect to both arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe import flatten_pytree
    >>> data = {"mu": np.ones((2, 1, 1)), "obs": np.ones((2, 3, 1))}
    >>> flat, slices = flatten_pytree(data, 1, None, -1e8, 1)
    >>> new = update_flat_array(flat, slices, "mu", np.zeros((2, 1, 1)))
    >>> new[0, :, 0].tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    (entry,) = select_keys(keys_from_slices(slices), [key])
    block = value_block(new_value, entry, tuple(flat_array.shape[:-2]))
    check_castable(block, flat_array.dtype, f"The new value of {key!r}")
    return set_blocks(flat_array, [(entry.block, block)])


def token_array(value: Any, what: str) -> Any:
    """Return an array of tokens, whose axes have no names to compare."""
    check_axes(value, (), what)
    return as_array(value, what)


def key_array(value: Any, key: KeyLayout, what: str) -> Any:
    """Return the array ``(*sample, *event, *batch)`` of one key."""
    check_axes(value, (*key.known_dims, *(None for _ in key.batch_shape)), what)
    return as_array(value, what)


def check_token_count(flat: Any, expected: int) -> None:
    """Check that a token array has as many tokens as its metadata says."""
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


def check_room(flat: Any, keys: Sequence[KeyLayout]) -> None:
    """Check that tokens are wide enough for the values of every key."""
    for key in keys:
        if key.width > flat.shape[-1]:
            raise ValueError(
                f"{key.name!r} holds {key.width} values in a token but the "
                f"tokens of the flat array have {flat.shape[-1]}."
            )


def select_keys(
    keys: Sequence[KeyLayout], names: Iterable[str]
) -> list[KeyLayout]:
    """Return some keys by name, their offsets kept."""
    by_name = {key.name: key for key in keys}
    selected = []
    for name in checked_names(names):
        if name not in by_name:
            raise unknown_key(name, by_name)
        selected.append(by_name[name])
    return selected


def value_block(
    value: Any, key: KeyLayout, sample_shape: tuple[int, ...]
) -> Any:
    """Return a new value of one key as ``(*sample, n_tokens, width)``.

    Values without sample axes are repeated for every sample.
    """
    what = f"The new value of {key.name!r}"
    inner = (*key.event_shape, *key.batch_shape)
    value = key_array(value, key, what)
    full = (*sample_shape, *inner)
    if tuple(value.shape) not in (full, inner):
        raise ValueError(
            f"The new value of {key.name!r} has shape {tuple(value.shape)}, "
            f"expected {full} (sample, event and batch axes), or {inner} for "
            "the same values in every sample."
        )
    lead = value.shape[: value.ndim - len(inner)]
    block = readable(value).reshape((*lead, key.n_tokens, key.width))
    xp = np if on_host([block]) else jnp
    return xp.broadcast_to(block, (*sample_shape, key.n_tokens, key.width))
