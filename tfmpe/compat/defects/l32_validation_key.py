"""Defect L32: validation with the noise of the epoch's first batch."""

from collections.abc import Collection
from typing import Any

import jax


def validation_key(key: Any, n_batches: int, fixes: Collection[str]) -> Any:
    """Return the key of a validation, from the key of the epoch's batches.

    Parameters
    ----------
    key : key array
        Its split in ``n_batches`` are the keys of the batches; its split in
        two starts with the same key.
    n_batches : int
    fixes : collection of str
        With L32, the result is a key that no batch has.
    """
    if "L32" in fixes:
        return jax.random.split(key, n_batches + 1)[-1]
    return jax.random.split(key)[0]
