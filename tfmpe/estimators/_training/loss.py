"""Conditional flow matching: what a vector field is trained on."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe._base.arrays import promoted
from tfmpe.estimators._flow.vector_field import given
from tfmpe.preprocessing.tokens.views import detach

SIGMA_MIN = 0.001
"""Width of the path's end around a value, dimensionless."""


def path_position(noise: Any, values: Any, time: Any, sigma_min: float) -> Any:
    """Return where the straight path from noise to values is at a time.

    Notes
    -----
    ``(1 - (1 - sigma_min) time) noise + time values``: the optimal-transport
    path of Lipman et al., 2023. Legacy: ``theta_t_linear`` draws it.
    """
    return (1 - (1 - sigma_min) * time) * noise + time * values


def path_velocity(noise: Any, values: Any, sigma_min: float) -> Any:
    """Return the velocity along that path, the same at all times."""
    return values - (1 - sigma_min) * noise


def flow_matching_loss(
    field: Any,
    target: Any,
    conditioning: Any,
    weights: Any,
    key: Any,
    *,
    sigma_min: float = SIGMA_MIN,
    n_noise: int = 1,
) -> tuple[Any, Any]:
    """Return the squared error of velocities, and its number of values.

    Parameters
    ----------
    field : VectorField
    target, conditioning : Tokens or view, sample axes (rows,)
    weights : Array, shape (rows,)
        1 for rows that count, 0 for rows that fill up a batch.
    key : key array
        For times and noise; those of row ``i`` follow from
        ``fold_in(key, i)`` and a common offset of the times.
    sigma_min : float
        Width of the end of the path around a value.
    n_noise : int
        Times and noises for every row. The conditioning is encoded once for
        all of them, so more of them cost little where it is long.

    Returns
    -------
    total : Array, shape ()
        Sum of squared errors over the real values of rows that count,
        divided by ``n_noise``.
    n_values : Array, shape ()
        Their number. The loss is the quotient; it is taken outside, so that
        batches of different sizes can be averaged.

    Notes
    -----
    Works under ``jit`` and ``grad``. Padded values and tokens contribute
    nothing, whatever they hold. Times are spread evenly over the rows, each
    uniform on its own: less noise than independent ones (Kingma et al.,
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
    row_keys = jax.vmap(jax.random.fold_in, (None, 0))(
        noise_key, jnp.arange(n_rows)
    )
    noise = jax.vmap(
        lambda k: jax.random.normal(k, (n_noise, *values.shape[1:]))
    )(row_keys)
    noise, values = promoted(jnp.moveaxis(noise, 1, 0), values)
    noise = jnp.where(real[None], noise, 0)

    velocity = given(field, conditioning)

    def error(noise: Any, time: Any) -> Any:
        position = path_position(noise, values, time[:, None, None], sigma_min)
        found = velocity(replace(target, data=position), time)
        wanted = path_velocity(noise, values, sigma_min)
        # Both are 0 where there is padding. Squares are no place to hide
        # NaN: gradients would find it.
        found, wanted = promoted(jnp.where(real, found, 0), wanted)
        return ((found - wanted) ** 2).sum((1, 2))

    counts = jnp.broadcast_to(real, values.shape).sum((1, 2))
    weights, counts, squares = promoted(
        weights, counts, jax.vmap(error)(noise, times).mean(0)
    )
    return (weights * squares).sum(), (weights * counts).sum()
