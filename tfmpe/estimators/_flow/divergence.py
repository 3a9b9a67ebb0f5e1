"""The divergence of a vector field, exact or estimated."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Directions whose derivatives are in memory at the same time.
_AT_A_TIME = 32


def exact_divergence(
    velocity: Callable[[Any], Any], values: Any, filled: np.ndarray
) -> tuple[Any, Any]:
    """Return velocities and their divergence in every row.

    Parameters
    ----------
    velocity : callable
        From values to velocities, both ``(rows, tokens, width)``; rows do
        not depend on one another.
    values : Array, shape (rows, tokens, width)
    filled : ndarray of bool, shape (tokens, width)
        The values to differentiate along; elsewhere velocities are 0.

    Returns
    -------
    velocities : Array, shape (rows, tokens, width)
    divergence : Array, shape (rows,)
    """
    velocities, push = jax.linearize(velocity, values)

    def slope(position: Any) -> Any:
        direction = jnp.zeros(filled.size, values.dtype).at[position].set(1)
        moved = push(
            jnp.broadcast_to(direction.reshape(filled.shape), values.shape)
        )
        return moved.reshape((values.shape[0], filled.size))[:, position]

    positions = np.flatnonzero(filled)
    if not positions.size * values.shape[0]:
        return velocities, jnp.zeros(values.shape[0], values.dtype)
    slopes = jax.lax.map(slope, positions, batch_size=_AT_A_TIME)
    return velocities, slopes.sum(0)


def estimated_divergence(
    velocity: Callable[[Any], Any], values: Any, probes: Any
) -> tuple[Any, Any]:
    """Return velocities and an unbiased estimate of their divergence.

    Parameters
    ----------
    velocity, values
        As of :func:`exact_divergence`.
    probes : Array, shape (rows, n_probes, tokens, width)
        Random directions of mean 0 and covariance 1.

    Returns
    -------
    velocities : Array, shape (rows, tokens, width)
    divergence : Array, shape (rows,)

    Notes
    -----
    The mean of ``probe · J probe`` (Hutchinson, 1990; for flows Grathwohl
    et al., 2019, FFJORD).
    """
    velocities, push = jax.linearize(velocity, values)
    moved = jax.vmap(push, in_axes=1, out_axes=1)(probes)
    return velocities, (probes * moved).sum((2, 3)).mean(1)
