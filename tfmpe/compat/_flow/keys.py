"""PRNG keys of base draws and probes, taken from an instance's ``rngs``."""

from typing import Any

import jax
import jax.numpy as jnp
from flax.errors import TraceContextError
from jax.core import Tracer


def take_key(rngs: Any, *given: Any) -> Any:
    """Return the next key of ``rngs.base_dist`` and count it as taken.

    Parameters
    ----------
    rngs : nnx.Rngs, or any object with ``base_dist()``
    *given : trees of arrays
        Arguments of the draw. If they are traced, the count does not change,
        because a transformation must not change an outer object.

    Returns
    -------
    key array
    """
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given))
    stream = rngs.base_dist
    if traced and not isinstance(_count(stream), Tracer):
        return peek_key(rngs)
    return next_key(stream)


def next_key(stream: Any) -> Any:
    """Return the next key of a stream, and count it as taken.

    Under a transformation, an outer stream is not changed, and the next call
    returns the same key.

    Parameters
    ----------
    stream : nnx.RngStream, or any function that returns keys
    """
    inside = isinstance(_count(stream), Tracer)
    # Under jit, even results of constants are traced.
    if not inside and isinstance(jnp.add(0, 0), Tracer):
        return _peek(stream)
    try:
        return stream()
    except TraceContextError:
        return _peek(stream)


def peek_key(rngs: Any) -> Any:
    """Return the next key of ``rngs.base_dist`` without taking it."""
    return _peek(rngs.base_dist)


def key_for(key: Any, content: Any) -> Any:
    """Return a key that also depends on the values of an array.

    Under ``vmap`` an outer key is the same in all rows, but the values
    differ.
    """
    bits = jax.lax.bitcast_convert_type(
        jnp.asarray(content, jnp.float32).ravel(), jnp.uint32
    )
    # Knuth's multiplicative hash, with a different odd factor per position.
    factors = 2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1
    mixed = (bits ^ (bits >> 15)) * jnp.uint32(2654435761)
    mixed = (mixed ^ (mixed >> 13)) * factors
    return jax.random.fold_in(key, mixed.sum(dtype=jnp.uint32))


def _peek(stream: Any) -> Any:
    count = _count(stream)
    if count is None:
        return stream()
    return jax.random.fold_in(stream.key[...], count)


def _count(stream: Any) -> Any:
    """Return the number of keys taken; None for objects without a count."""
    count = getattr(stream, "count", None)
    return None if count is None else count[...]
