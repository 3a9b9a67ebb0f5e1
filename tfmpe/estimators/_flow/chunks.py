"""Rows of arrays: many sample axes as one, and chunks of one size."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def flatten_samples(tree: Any, n_axes: int) -> Any:
    """Make one axis of the leading axes of every leaf."""
    return jax.tree.map(
        lambda leaf: leaf.reshape(
            (math.prod(leaf.shape[:n_axes]), *leaf.shape[n_axes:])
        ),
        tree,
    )


def map_chunks(
    function: Callable[[Any], Any], rows: Any, size: int | None
) -> Any:
    """Apply a function of many rows to a chunk of them at a time.

    Parameters
    ----------
    function : callable
        From a tree of arrays to another, both with the rows first; what it
        returns for a row must not depend on the others.
    rows : tree of arrays, each of shape (n_rows, ...)
    size : int or None
        Rows in a chunk; None for all at once.

    Returns
    -------
    tree of arrays, each of shape (n_rows, ...)

    Notes
    -----
    The last chunk is filled up by repeating the first row, so that all have
    one shape and are compiled for once.
    """
    n_rows = jax.tree.leaves(rows)[0].shape[0]
    if size is None or size >= n_rows:
        return function(rows)
    n_chunks = -(-n_rows // size)
    missing = n_chunks * size - n_rows

    def cut(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        filling = jnp.broadcast_to(leaf[:1], (missing, *leaf.shape[1:]))
        full = jnp.concatenate([leaf, filling])
        return full.reshape((n_chunks, size, *leaf.shape[1:]))

    def glue(leaf: Any) -> Any:
        return leaf.reshape((n_chunks * size, *leaf.shape[2:]))[:n_rows]

    return jax.tree.map(glue, jax.lax.map(function, jax.tree.map(cut, rows)))
