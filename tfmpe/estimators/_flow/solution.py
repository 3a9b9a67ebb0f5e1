"""Solutions of the equation of a flow: compiled once per layout and shape."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe._base.arrays import to_rank
from tfmpe._base.programs import compiled
from tfmpe.estimators._flow.chunks import flatten_samples, map_chunks
from tfmpe.estimators._flow.divergence import (
    estimated_divergence,
    exact_divergence,
)
from tfmpe.estimators._flow.ode import Ode
from tfmpe.estimators._flow.vector_field import given, merge_field
from tfmpe.preprocessing import PAD_VALUE
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.tokens.tokens import Tokens


def cleared(values: Any, real: Any) -> Any:
    """Return values with 0 in place of padding."""
    return jnp.where(to_rank(real, values.ndim), values, 0)


@compiled()
def solve_draws(
    arrays: Any,
    target: Tokens,
    conditioning: Tokens,
    key: Any,
    theta_0: Any,
    *,
    static: Any,
    n_samples: int,
    times: tuple[float, float],
    ode: Ode,
    batch_size: int | None,
) -> Any:
    """Return the end of every path, ``(n_samples, rows, tokens, width)``."""
    field = merge_field(static, *arrays)
    n_axes = len(target.sample_shape)
    shape = target.data.shape
    if theta_0 is None:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(
            key, jnp.arange(n_samples)
        )
        dtype = float_dtype(target.data.dtype)
        theta_0 = jax.vmap(lambda k: jax.random.normal(k, shape, dtype))(keys)
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    theta_0 = theta_0.reshape((n_samples, *target.data.shape))

    def end(target: Any, velocity: Any, theta_0: Any) -> Any:
        real = target.value_mask
        flat = flatten_samples(cleared(theta_0, real), 2)

        def derivative(time: Any, theta: Any) -> Any:
            theta = theta.reshape(theta_0.shape)
            return flatten_samples(
                jax.vmap(partial(_masked, velocity, target, real, time))(theta),
                2,
            )

        sizes = _sizes(real, theta_0)
        theta = ode.solve(derivative, flat, *times, sizes)
        theta = theta.reshape(theta_0.shape)
        return jnp.where(real[None], theta, PAD_VALUE)

    return _by_draws(field, target, conditioning, theta_0, end, batch_size)


@compiled()
def solve_density(
    arrays: Any,
    target: Tokens,
    conditioning: Tokens,
    values: Any,
    probes: Any,
    *,
    static: Any,
    ode: Ode,
    batch_size: int | None,
) -> Any:
    """Return log densities, ``(n_draws, rows)``."""
    field = merge_field(static, *arrays)
    n_axes = len(target.sample_shape)
    values = jnp.asarray(values)
    values = values.astype(float_dtype(values.dtype))
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    values = values.reshape((len(values), *target.data.shape))
    if probes is not None:
        # Draws first, then rows, as the values that they belong to.
        probes = probes.reshape((len(probes), *values.shape))
        probes = jnp.moveaxis(probes, 0, 2)
    filled = filled_columns(target.layout.keys, target.width)

    def density(target: Any, velocity: Any, given: Any) -> Any:
        theta, probes = given
        real = target.value_mask
        rows = jnp.broadcast_to(real, theta.shape)
        flat = flatten_samples(cleared(theta, real), 2)
        if probes is not None:
            probes = flatten_samples(cleared(probes, rows[:, :, None]), 2)

        def derivative(time: Any, state: Any) -> Any:
            def move(flat: Any) -> Any:
                each = partial(_masked, velocity, target, real, time)
                return flatten_samples(
                    jax.vmap(each)(flat.reshape(theta.shape)), 2
                )

            if probes is None:
                return exact_divergence(move, state[0], filled)
            return estimated_divergence(move, state[0], probes)

        start = jnp.zeros(flat.shape[0], flat.dtype)
        # The change of the density is one more value.
        sizes = _sizes(real, theta) + 1
        base, change = ode.solve(derivative, (flat, start), 1.0, 0.0, sizes)
        # Backwards in time the integral comes with a minus sign.
        normal = jax.scipy.stats.norm.logpdf(base)
        real = flatten_samples(rows, 2)
        total = cleared(normal, real).sum((1, 2)) + change
        return total.reshape(theta.shape[:2])

    return _by_draws(
        field, target, conditioning, (values, probes), density, batch_size
    )


def _sizes(real: Any, theta: Any) -> Any:
    """Return the number of real values of every draw and row."""
    counts = real.sum((1, 2), dtype=theta.dtype)
    return jnp.broadcast_to(counts, theta.shape[:2]).reshape(-1)


def _masked(
    velocity: Any, target: Any, real: Any, time: Any, theta: Any
) -> Any:
    times = jnp.broadcast_to(time, target.sample_shape)
    moved = velocity(replace(target, data=theta), times)
    return cleared(moved, real).astype(theta.dtype)


def _by_draws(
    field: Any,
    target: Tokens,
    conditioning: Tokens,
    draws: Any,
    function: Any,
    batch_size: int | None,
) -> Any:
    """Go through rows and draws in chunks; encode each row once.

    ``function(target, velocity, draws)`` is given and returns arrays of
    shape ``(n_draws, n_rows, ...)``, as ``draws`` and the result are.
    """
    n_rows = target.sample_shape[0]
    at_a_time = None
    if batch_size is not None:
        at_a_time = max(1, batch_size // max(1, n_rows))

    def of_rows(rows: Any) -> Any:
        target, conditioning, draws = rows
        velocity = given(field, conditioning)
        result = map_chunks(
            partial(function, target, velocity), _swap(draws), at_a_time
        )
        return _swap(result)

    rows = (target, conditioning, _swap(draws))
    return _swap(map_chunks(of_rows, rows, batch_size))


def _swap(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), tree)


def float_dtype(dtype: Any) -> Any:
    """Return the dtype to solve in."""
    return dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.float32
