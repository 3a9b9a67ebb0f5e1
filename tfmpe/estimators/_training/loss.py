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
"""Width of the path's end around a value, dimensionless."""


def path_position(
    noise: Float[AnyArray, "*shape"],
    values: Float[AnyArray, "*shape"],
    time: ArrayLike,
    sigma_min: float,
) -> Float[AnyArray, "*shape"]:
    """Return where the straight path from noise to values is at a time.

    The optimal-transport path of Lipman et al., 2023. Legacy:
    ``theta_t_linear`` draws it.
    """
    return (1 - (1 - sigma_min) * time) * noise + time * values


def path_velocity(
    noise: Float[AnyArray, "*shape"],
    values: Float[AnyArray, "*shape"],
    sigma_min: float,
) -> Float[AnyArray, "*shape"]:
    """Return the velocity along that path, the same at all times."""
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
) -> tuple[Float[Array, ""], Num[Array, ""]]:
    """Return the squared error of velocities, and its number of values.

    Parameters
    ----------
    field
        The vector field.
    target, conditioning : Tokens or view, sample axes (rows,)
        The inferred and the given tokens.
    weights
        1 for rows that count, 0 for rows that fill up a batch.
    key
        For times and noise.
    sigma_min
        Standard deviation of the path around a value at time 1.
    n_noise
        Times and noises for every row. The conditioning is encoded once for
        all of them, so more of them cost little for long conditionings.

    Returns
    -------
    total : Array, shape ()
        Sum of squared errors over the real values of rows that count,
        divided by ``n_noise``.
    n_values : Array, shape ()
        Number of these values. The loss is ``total / n_values``, computed by
        the caller, so that batches of different sizes can be averaged.

    Notes
    -----
    Works under ``jit`` and ``grad``. Padded values and tokens contribute
    nothing, whatever they hold. Times are spread evenly over the rows, each
    uniform on its own, for less noise than independent ones (Kingma et al.,
    2021).
    """
    target, conditioning = detach(target), detach(conditioning)
    real = target.value_mask
    values = jnp.where(real, target.data, 0)
    n_rows = values.shape[0]
    offset_key, noise_key = jax.random.split(key)
    offsets = jax.random.uniform(offset_key, (n_noise, 1))
    spread = jnp.arange(n_rows, dtype=offsets.dtype)[None] / n_rows
    times = (offsets + spread) % 1.0
    noise = jax.random.normal(noise_key, (n_noise, *values.shape))
    noise, values = promoted(noise, values)
    noise = jnp.where(real[None], noise, 0)

    velocity = given(field, conditioning)

    def error(
        noise: Float[Array, "rows tokens width"], time: Float[Array, " rows"]
    ) -> Float[Array, " rows"]:
        position = path_position(noise, values, time[:, None, None], sigma_min)
        found = velocity(replace(target, data=position), time)
        wanted = path_velocity(noise, values, sigma_min)
        # Both are 0 in padding before the square: gradients of a NaN that is
        # removed after it would be NaN.
        found, wanted = promoted(jnp.where(real, found, 0), wanted)
        return ((found - wanted) ** 2).sum((1, 2))

    counts = jnp.broadcast_to(real, values.shape).sum((1, 2))
    weights, counts, squares = promoted(
        weights, counts, jax.vmap(error)(noise, times).mean(0)
    )
    return (weights * squares).sum(), (weights * counts).sum()
