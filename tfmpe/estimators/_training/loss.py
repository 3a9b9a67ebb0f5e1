"""Conditional flow matching: the loss of a vector field."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Num

from tfmpe._base.arrays import promoted
from tfmpe.estimators._flow.vector_field import Field, given
from tfmpe.estimators._types import AnyArray, AnyTokens, PRNGKey
from tfmpe.preprocessing.tokens.views import detach

SIGMA_MIN = 0.001
"""Standard deviation of a path around its value at time 1, dimensionless."""


def path_position(
    noise: Float[AnyArray, "*shape"],
    values: Float[AnyArray, "*shape"],
    time: ArrayLike,
    sigma_min: float,
) -> Float[AnyArray, "*shape"]:
    """Return the position on the straight path from noise to values.

    Source: Lipman et al., 2023 (optimal-transport path). Legacy:
    ``theta_t_linear``.
    """
    return (1 - (1 - sigma_min) * time) * noise + time * values


def path_velocity(
    noise: Float[AnyArray, "*shape"],
    values: Float[AnyArray, "*shape"],
    sigma_min: float,
) -> Float[AnyArray, "*shape"]:
    """Return the velocity on the straight path, which is constant in time."""
    return values - (1 - sigma_min) * noise


def flow_matching_loss(
    field: Field,
    target: AnyTokens,
    conditioning: AnyTokens,
    weights: Num[AnyArray, " rows"],
    key: PRNGKey,
    *,
    sigma_min: float = SIGMA_MIN,
    n_noise: int = 1,
    noise: Float[AnyArray, "n_noise rows tokens width"] | None = None,
) -> tuple[Float[Array, ""], Num[Array, ""]]:
    """Return the sum of squared velocity errors, and the number of values.

    Parameters
    ----------
    field
        The vector field.
    target, conditioning : Tokens or view, sample axes (rows,)
        The inferred and the given tokens.
    weights
        1 for rows that count, 0 for rows that fill up a batch.
    key
        PRNG key for times and noise.
    sigma_min
        Standard deviation of the path around a value at time 1.
    n_noise
        Number of times and noise draws per row. They share one encoding of the
        conditioning, so more of them cost little if it is long.
    noise
        The starts of the paths, instead of random ones.

    Returns
    -------
    total : Array, shape ()
        Sum of squared errors over all values but padding, in rows that count,
        divided by ``n_noise``.
    n_values : Array, shape ()
        Number of these values. The loss is ``total / n_values``, computed by
        the caller, so that batches of different sizes can be averaged.

    Notes
    -----
    Works under ``jit`` and ``grad``. Padding contributes nothing, whatever it
    holds. Each time is uniform, but all are spread evenly over the rows, which
    reduces the variance of the loss (Kingma et al., 2021).
    """
    target, conditioning = detach(target), detach(conditioning)
    real = target.value_mask
    values = jnp.where(real, target.data, 0)
    n_rows = values.shape[0]
    offset_key, noise_key = jax.random.split(key)
    offsets = jax.random.uniform(offset_key, (n_noise, 1))
    spread = jnp.arange(n_rows, dtype=offsets.dtype)[None] / n_rows
    times = (offsets + spread) % 1.0
    starts = (
        jax.random.normal(noise_key, (n_noise, *values.shape))
        if noise is None
        else noise
    )
    starts, values = promoted(starts, values)
    starts = jnp.where(real[None], starts, 0)

    velocity = given(field, conditioning)

    def error(
        noise: Float[Array, "rows tokens width"], time: Float[Array, " rows"]
    ) -> Float[Array, " rows"]:
        position = path_position(noise, values, time[:, None, None], sigma_min)
        found = velocity(replace(target, data=position), time)
        wanted = path_velocity(noise, values, sigma_min)
        # Padding is set to 0 before the square is taken: the gradient of a NaN
        # that is removed afterwards would be NaN.
        found, wanted = promoted(jnp.where(real, found, 0), wanted)
        return ((found - wanted) ** 2).sum((1, 2))

    counts = jnp.broadcast_to(real, values.shape).sum((1, 2))
    weights, counts, squares = promoted(
        weights, counts, jax.vmap(error)(starts, times).mean(0)
    )
    return (weights * squares).sum(), (weights * counts).sum()
