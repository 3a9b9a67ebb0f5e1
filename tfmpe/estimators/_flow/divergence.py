"""Divergence of a vector field, exact or estimated."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

Rows: TypeAlias = Float[Array, "rows tokens width"]

# Directions whose derivatives are in memory at the same time.
_AT_A_TIME = 32


def exact_divergence(
    velocity: Callable[[Array], Array],
    values: Rows,
    filled: Bool[np.ndarray, "tokens width"],
) -> tuple[Rows, Float[Array, " rows"]]:
    """Return velocities and their divergence in every row.

    Rows do not depend on one another. Velocities are 0 where ``filled`` is
    False.
    """
    velocities, push = jax.linearize(velocity, values)

    def slope(position: Int[Array, ""]) -> Float[Array, " rows"]:
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
    velocity: Callable[[Array], Array],
    values: Rows,
    probes: Float[Array, "rows probes tokens width"],
) -> tuple[Rows, Float[Array, " rows"]]:
    """Return velocities and an unbiased estimate of their divergence.

    The mean of ``probe · J probe`` for random directions of mean 0 and
    covariance 1 (Hutchinson, 1990; for flows Grathwohl et al., 2019, FFJORD).
    """
    velocities, push = jax.linearize(velocity, values)
    moved = jax.vmap(push, in_axes=1, out_axes=1)(probes)
    return velocities, (probes * moved).sum((2, 3)).mean(1)
