"""Divergence of a vector field, exact or estimated."""

from collections.abc import Callable
from typing import SupportsIndex, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from tfmpe._base.static import positive
from tfmpe.estimators._types import AnyArray, PRNGKey

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

    The estimate is the mean of ``probe · J probe`` over random directions with
    mean 0 and covariance 1 (Hutchinson, 1990; for flows, FFJORD: Grathwohl et
    al., 2019).
    """
    velocities, push = jax.linearize(velocity, values)
    moved = jax.vmap(push, in_axes=1, out_axes=1)(probes)
    return velocities, (probes * moved).sum((2, 3)).mean(1)


def read_probes(
    exact: bool | None,
    n_probes: SupportsIndex | None,
    probes: Num[AnyArray, "*probes"] | None,
    key: PRNGKey | None,
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> Num[AnyArray, "..."] | None:
    """Return random directions, or None for an exact divergence."""
    if exact and (n_probes is not None or probes is not None):
        raise ValueError(
            "exact=True needs no probes: omit n_probes and probes, or pass "
            "exact=False."
        )
    if probes is not None:
        found = jnp.shape(probes)
        if found[1:] != shape or not found[0]:
            raise ValueError(
                f"probes have shape {found}, expected (n_probes, "
                f"{', '.join(map(str, shape))})."
            )
        return probes
    if n_probes is None:
        if exact is False:
            raise ValueError(
                "exact=False needs a number of probes: pass n_probes=10."
            )
        return None
    if key is None:
        raise TypeError(
            f"n_probes={n_probes} needs a PRNG key: pass key=jax.random.key(0)."
        )
    n_probes = positive(n_probes, "n_probes")
    return jax.random.rademacher(key, (n_probes, *shape), dtype)
