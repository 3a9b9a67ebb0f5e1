"""Attention masks that combine declared rules and padding."""

from types import ModuleType

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from tfmpe._base.arrays import AnyArray, flatten_samples, on_host, readable

EMPTY_ROWS = ("self", "all", "error")


def combine_masks(
    declared: Bool[np.ndarray, "queries keys"],
    own: Bool[np.ndarray, "queries keys"],
    query_real: Bool[AnyArray, "*_ queries"] | None,
    key_real: Bool[AnyArray, "*_ keys"] | None,
    empty_rows: str,
) -> Bool[AnyArray, "samples 1 queries keys"]:
    """Combine a declared mask with padding so that no row is empty.

    ``own`` marks where query and key are the same token; for ``empty_rows``
    see ``Tokens.attention_mask``. Queries that are padding attend only to the
    first key that is not, which is cheap. The result is a NumPy array if the
    padding is on the host.
    """
    check_empty_rows(empty_rows)
    n_query, n_key = declared.shape
    if empty_rows == "error" and not declared.any(-1).all():
        raise rules_leave_empty(np.flatnonzero(~declared.any(-1)), n_query)
    queries, keys = (
        np.ones((1, n), bool)
        if real is None
        else flatten_samples(readable(real), real.ndim - 1)
        for real, n in ((query_real, n_query), (key_real, n_key))
    )
    if len({len(queries), len(keys)} - {1}) > 1:
        raise ValueError(
            f"The queries have {len(queries)} samples, but the keys have "
            f"{len(keys)}. Pass the same number for both, or a single sample "
            "for one of them."
        )
    xp = np if on_host([queries, keys]) else jnp
    to_self = (own & (empty_rows != "all"))[None]
    mask = _fill(xp, declared[None] & keys[:, None, :], to_self, keys)
    if query_real is not None or key_real is not None:
        first = keys.argmax(-1)[:, None] if n_key else 0
        first_real = np.arange(n_key)[None] == first
        mask = xp.where(queries[:, :, None], mask, first_real[:, None, :])
    return mask[:, None]


def check_empty_rows(empty_rows: str) -> None:
    """Raise if ``empty_rows`` is not a known option."""
    if empty_rows not in EMPTY_ROWS:
        raise ValueError(
            f"empty_rows must be one of {list(EMPTY_ROWS)}, not {empty_rows!r}."
        )


def rules_leave_empty(
    rows: Int[np.ndarray, " rows"], n_query: int
) -> ValueError:
    """Return the error to raise if rules leave rows of a mask empty."""
    return ValueError(
        f"The rules leave {rows.size} of {n_query} tokens nothing to "
        f"attend to, the first at position {rows[0]}. Choose "
        "empty_rows='self' or 'all', or relax the rules."
    )


def _fill(
    xp: ModuleType,
    mask: Bool[AnyArray, "samples queries keys"],
    to_self: Bool[np.ndarray, "1 queries keys"],
    key_real: Bool[AnyArray, "samples keys"],
) -> Bool[AnyArray, "samples queries keys"]:
    """Open one or more keys in every empty row."""
    fallback = xp.where(key_real.any(-1, keepdims=True), key_real, True)
    to_self = to_self & key_real[:, None, :]
    has_self = to_self.any(-1, keepdims=True)
    open_row = xp.where(has_self, to_self, fallback[:, None, :])
    return xp.where(mask.any(-1, keepdims=True), mask, open_row)
