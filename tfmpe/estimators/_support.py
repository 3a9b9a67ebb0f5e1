"""Densities where a bijector does not reach: of values outside its support."""

from typing import Any

import jax.numpy as jnp

from tfmpe._base.arrays import to_rank
from tfmpe._base.programs import compiled


@compiled()
def inside(
    own: Any, standard: Any, real: Any, *, one_draw: bool
) -> tuple[Any, Any]:
    """Return values with 0 in place of those outside the support.

    Parameters
    ----------
    own, standard : Array, shape (..., n_tokens, width)
        In their own units, and standardized.
    real : Array of bool, shape (..., n_tokens, width)
        False in padding.
    one_draw : bool
        Whether the values need an axis of draws, of length 1.

    Returns
    -------
    values : Array
    outside : Array of bool, shape (...)
        Whether some value was.
    """
    outside = jnp.isfinite(own) & ~jnp.isfinite(standard)
    outside &= to_rank(real, outside.ndim)
    values = jnp.where(outside, 0, standard)
    return values[None] if one_draw else values, outside.any((-2, -1))


@compiled()
def in_own_units(
    density: Any, change: Any, outside: Any, *, one_draw: bool
) -> Any:
    """Return the log density of values in their own units."""
    density = density[0] if one_draw else density
    density = density + jnp.where(outside, 0, change)
    return jnp.where(outside, -jnp.inf, density)
