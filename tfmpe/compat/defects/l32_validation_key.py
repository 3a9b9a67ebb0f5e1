"""Defect L32: validation with the noise of the epoch's first batch."""

from collections.abc import Collection
from typing import Any

import jax


def validation_key(key: Any, n_batches: int, fixes: Collection[str]) -> Any:
    """Return the key of a validation, given the key of the epoch's batches.

    Parameters
    ----------
    key : key array
        Split into ``n_batches``, it gives the keys of the batches; a split
        into two starts with the same key.
    n_batches : int
    fixes : collection of str
        With L32, the result differs from the keys of all batches.
    """
    if "L32" in fixes:
        return jax.random.split(key, n_batches + 1)[-1]
    return jax.random.split(key)[0]
