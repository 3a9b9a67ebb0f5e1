"""Keys of base draws and probes, from the random numbers of an instance."""

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
        What the draw is for. Where they are traced, the count stays: what
        happens under a transformation must not change an object outside.

    Returns
    -------
    key array
    """
    stream = rngs.base_dist
    if not _counts(stream) or isinstance(_read(stream.count), Tracer):
        return stream()
    leaves = [*jax.tree.leaves(given), jnp.add(0, 0)]
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return peek_key(rngs)
    try:
        return stream()
    except TraceContextError:
        return peek_key(rngs)


def peek_key(rngs: Any) -> Any:
    """Return the next key of ``rngs.base_dist``, and leave it there."""
    stream = rngs.base_dist
    if not _counts(stream):
        return stream()
    return jax.random.fold_in(_read(stream.key), _read(stream.count))


def key_for(key: Any, content: Any) -> Any:
    """Return a key of its own for every content.

    Under ``vmap`` a key that comes from outside is the same in all rows;
    their contents tell them apart.
    """
    bits = jax.lax.bitcast_convert_type(
        jnp.asarray(content, jnp.float32).ravel(), jnp.uint32
    )
    # Knuth's multiplicative hash, with a different odd factor per place.
    factors = 2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1
    mixed = (bits ^ (bits >> 15)) * jnp.uint32(2654435761)
    mixed = (mixed ^ (mixed >> 13)) * factors
    return jax.random.fold_in(key, mixed.sum(dtype=jnp.uint32))


def _counts(stream: Any) -> bool:
    return hasattr(stream, "count") and hasattr(stream, "key")


# flax 0.12 deprecates `.value`, which 0.10 needs for writing.
def _read(variable: Any) -> Any:
    return variable[...]
