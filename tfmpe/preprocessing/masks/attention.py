"""The mask that attention consumes: declared rules and padding combined."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from tfmpe._base.arrays import on_host

EMPTY_ROWS = ("self", "all", "error")


def combine_masks(
    declared: Bool[np.ndarray, "queries keys"],
    own: Bool[np.ndarray, "queries keys"],
    query_real: Any | None,
    key_real: Any | None,
    empty_rows: str,
) -> Bool[Array | np.ndarray, "samples 1 queries keys"]:
    """Combine a declared mask with padding so that no row is empty.

    A fully masked row makes a softmax attend to everything, silently; so
    every row gets at least one open column.

    Parameters
    ----------
    declared : ndarray of bool, shape (n_query, n_key)
        True where the rules allow attention.
    own : ndarray of bool, shape (n_query, n_key)
        True where query and key are the same token.
    query_real, key_real : array of bool, shape (*sample, n), or None
        Padding masks; None where all tokens are real.
    empty_rows : {'self', 'all', 'error'}
        What the row of a real token does that has no allowed real key.
        ``'self'``: the token attends to itself or, if it is not among the
        keys, to every real key. ``'all'``: to every real key. In both cases
        to every key if none is real. ``'error'``: rules that leave a row
        empty are refused, and rows that only padding empties do as for
        ``'self'``.

    Returns
    -------
    array of bool, shape (n_samples or 1, 1, n_query, n_key)
        The row of a query that is padding, of use to nobody, has the first
        real key open alone: computing it must not cost more than others.
        Sample axes are flattened to one; 1 if there is no padding. NumPy if
        it follows from static data alone, else jax.

    Raises
    ------
    ValueError
        If ``empty_rows`` is another word, or is ``'error'`` and rules leave
        a row empty, or if the numbers of samples do not fit.
    """
    check_empty_rows(empty_rows)
    n_query, n_key = declared.shape
    if empty_rows == "error" and not declared.any(-1).all():
        raise rules_leave_empty(np.flatnonzero(~declared.any(-1)), n_query)
    declared = declared[None]
    to_self = (own & (empty_rows != "all"))[None]
    if query_real is None and key_real is None:
        real = np.ones((1, n_key), bool)
        return _fill(np, declared, to_self, real)[:, None]
    queries = _flat_samples(query_real, n_query)
    keys = _flat_samples(key_real, n_key)
    if len({len(queries), len(keys)} - {1}) > 1:
        raise ValueError(
            f"The queries have {len(queries)} samples, the keys {len(keys)}. "
            "Give both equally many, or one of them a single sample."
        )
    xp = np if on_host([queries, keys]) else jnp
    mask = _fill(xp, declared & keys[:, None, :], to_self, keys)
    first = keys.argmax(-1)[:, None] if n_key else 0
    first_real = np.arange(n_key)[None] == first
    mask = xp.where(queries[:, :, None], mask, first_real[:, None, :])
    return mask[:, None]


def check_empty_rows(empty_rows: str) -> None:
    """Check what is to be done with rows that have nothing open."""
    if empty_rows not in EMPTY_ROWS:
        raise ValueError(
            f"empty_rows must be one of {list(EMPTY_ROWS)}, not {empty_rows!r}."
        )


def rules_leave_empty(rows: np.ndarray, n_query: int) -> ValueError:
    """Return the error for rows that rules leave empty."""
    return ValueError(
        f"The rules leave {rows.size} of {n_query} tokens nothing to "
        f"attend to, the first at position {rows[0]}. Choose "
        "empty_rows='self' or 'all', or relax the rules."
    )


def _flat_samples(real: Any | None, n_tokens: int) -> Any:
    if real is None:
        return np.ones((1, n_tokens), bool)
    return real.reshape((math.prod(real.shape[:-1]), n_tokens))


def _fill(xp: Any, mask: Any, to_self: np.ndarray, key_real: Any) -> Any:
    """Open something in every empty row of ``(rows, n_query, n_key)``."""
    fallback = xp.where(key_real.any(-1, keepdims=True), key_real, True)
    to_self = to_self & key_real[:, None, :]
    has_self = to_self.any(-1, keepdims=True)
    open_row = xp.where(has_self, to_self, fallback[:, None, :])
    return xp.where(mask.any(-1, keepdims=True), mask, open_row)
