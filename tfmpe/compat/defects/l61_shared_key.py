"""Defect L61: one PRNG key for a classifier's null labels, split and epochs."""

from collections.abc import Collection
from typing import Any

import jax


def own_keys(key: Any, fixes: Collection[str]) -> tuple[Any, Any]:
    """Return two keys, which are equal by default and different if fixed."""
    if "L61" in fixes:
        first, second = jax.random.split(key)
        return first, second
    return key, key
