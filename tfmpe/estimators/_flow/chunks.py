"""Functions of rows, applied in chunks of equal size."""

from collections.abc import Callable
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tfmpe._base.static import positive
from tfmpe.estimators._types import AnyArray, Arrays

_TOKENS_AT_A_TIME = {"cpu": 2**13}


def at_a_time(batch_size: SupportsIndex | None, n_tokens: int) -> int:
    """Return the given batch size, or a default for draws of ``n_tokens``."""
    if batch_size is not None:
        return positive(batch_size, "batch_size")
    most = _TOKENS_AT_A_TIME.get(jax.default_backend(), 2**18)
    return max(1, most // max(1, n_tokens))


def map_chunks(
    function: Callable[[Any], Arrays], rows: Arrays, size: int
) -> Arrays:
    """Apply a function of independent rows to ``size`` rows at a time.

    Rows are the first axis of every leaf. The last chunk is filled up with
    copies of the first row, so that all chunks have the same shape.
    """
    n_rows = jax.tree.leaves(rows)[0].shape[0]
    if size >= n_rows:
        return function(rows)
    n_chunks = -(-n_rows // size)
    missing = n_chunks * size - n_rows

    def cut(leaf: AnyArray) -> Array:
        leaf = jnp.asarray(leaf)
        filling = jnp.broadcast_to(leaf[:1], (missing, *leaf.shape[1:]))
        full = jnp.concatenate([leaf, filling])
        return full.reshape((n_chunks, size, *leaf.shape[1:]))

    def glue(leaf: Array) -> Array:
        return leaf.reshape((n_chunks * size, *leaf.shape[2:]))[:n_rows]

    return jax.tree.map(glue, jax.lax.map(function, jax.tree.map(cut, rows)))
