"""ODE solves of a flow, compiled once per layout and shape."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Num

from tfmpe._base.arrays import flatten_samples, to_rank
from tfmpe._base.programs import compiled
from tfmpe.estimators._flow.chunks import map_chunks
from tfmpe.estimators._flow.divergence import (
    estimated_divergence,
    exact_divergence,
)
from tfmpe.estimators._flow.ode import Ode
from tfmpe.estimators._flow.vector_field import (
    Field,
    Velocity,
    given,
    merge_field,
)
from tfmpe.estimators._types import AnyArray, Arrays, PRNGKey
from tfmpe.preprocessing import PAD_VALUE, Tokens
from tfmpe.preprocessing.masks.padding import filled_columns

Rows: TypeAlias = Float[Array, "rows tokens width"]
Draws: TypeAlias = Float[Array, "draws rows tokens width"]
Real: TypeAlias = Bool[AnyArray, "rows tokens width"]


def cleared(
    values: Num[Array, "*shape"], real: Bool[AnyArray, "..."]
) -> Num[Array, "*shape"]:
    """Return values with 0 in place of padding."""
    return jnp.where(to_rank(real, values.ndim), values, 0)


@compiled()
def draw_noise(
    key: PRNGKey, *, shape: tuple[int, ...], dtype: np.dtype
) -> Float[Array, "{shape[0]} ..."]:
    """Return normal numbers; draw ``i`` depends only on ``key`` and ``i``."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(shape[0]))
    return jax.vmap(lambda k: jax.random.normal(k, shape[1:], dtype))(keys)


@compiled(quick=True)
def solve_draws(
    arrays: tuple[Arrays, Any],
    target: Tokens,
    conditioning: Tokens,
    theta_0: Num[AnyArray, "draws *sample tokens width"],
    *,
    static: Hashable,
    times: tuple[float, float],
    ode: Ode,
    batch_size: int,
) -> Float[Array, "draws *sample tokens width"]:
    """Return the end point of every path."""
    field = merge_field(static, *arrays)
    n_axes, shape = len(target.sample_shape), theta_0.shape
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    theta_0 = jnp.asarray(theta_0, float_dtype(theta_0.dtype))
    theta_0 = theta_0.reshape((len(theta_0), *target.data.shape))

    def end(target: Tokens, velocity: Velocity, theta_0: Draws) -> Draws:
        real = target.value_mask
        flat = flatten_samples(cleared(theta_0, real), 2)
        derivative = partial(_move, velocity, target, theta_0.shape)
        sizes = _sizes(real, theta_0)
        theta = ode.solve(derivative, flat, *times, sizes)
        return jnp.where(real[None], theta.reshape(theta_0.shape), PAD_VALUE)

    ends = _by_draws(field, target, conditioning, theta_0, end, batch_size)
    return ends.reshape(shape)


@compiled(quick=True)
def solve_density(
    arrays: tuple[Arrays, Any],
    target: Tokens,
    conditioning: Tokens,
    draws: tuple[
        Num[AnyArray, "draws *sample tokens width"],
        Num[AnyArray, "draws *sample probes tokens width"] | None,
    ],
    *,
    static: Hashable,
    ode: Ode,
    batch_size: int,
) -> Float[Array, "draws rows"]:
    """Return log densities; ``draws`` are values and their probes, or None."""
    values, probes = draws
    field = merge_field(static, *arrays)
    n_axes = len(target.sample_shape)
    values = jnp.asarray(values, float_dtype(values.dtype))
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    values = values.reshape((len(values), *target.data.shape))
    if probes is not None:
        probes = probes.reshape((*values.shape[:2], *probes.shape[-3:]))
    filled = filled_columns(target.layout.keys, target.width)

    def density(
        target: Tokens, velocity: Velocity, given: tuple[Array, Any]
    ) -> Float[Array, "draws rows"]:
        theta, probes = given
        real = target.value_mask
        rows = jnp.broadcast_to(real, theta.shape)
        flat = flatten_samples(cleared(theta, real), 2)
        if probes is not None:
            probes = flatten_samples(cleared(probes, rows[:, :, None]), 2)

        def derivative(
            time: ArrayLike, state: tuple[Array, Array]
        ) -> tuple[Array, Array]:
            move = partial(_move, velocity, target, theta.shape, time)
            if probes is None:
                return exact_divergence(move, state[0], filled)
            return estimated_divergence(move, state[0], probes)

        start = jnp.zeros(flat.shape[0], flat.dtype)
        # The change of the density is one more value.
        sizes = _sizes(real, theta) + 1
        base, change = ode.solve(derivative, (flat, start), 1.0, 0.0, sizes)
        # Backward in time, the integral has the opposite sign.
        normal = jax.scipy.stats.norm.logpdf(base)
        real = flatten_samples(rows, 2)
        total = cleared(normal, real).sum((1, 2)) + change
        return total.reshape(theta.shape[:2])

    return _by_draws(
        field, target, conditioning, (values, probes), density, batch_size
    )


def _sizes(real: Real, theta: Draws) -> Float[Array, " all"]:
    """Return the number of values of every draw and row, without padding."""
    counts = real.sum((1, 2), dtype=theta.dtype)
    return jnp.broadcast_to(counts, theta.shape[:2]).reshape(-1)


def _move(
    velocity: Velocity,
    target: Tokens,
    shape: tuple[int, ...],
    time: ArrayLike,
    flat: Float[Array, "all tokens width"],
) -> Float[Array, "all tokens width"]:
    """Return velocities; draws and rows share one axis."""
    times = jnp.broadcast_to(time, target.sample_shape)

    def of_draw(theta: Rows) -> Rows:
        moved = velocity(replace(target, data=theta), times)
        return cleared(moved, target.value_mask).astype(theta.dtype)

    return flatten_samples(jax.vmap(of_draw)(flat.reshape(shape)), 2)


def _by_draws(
    field: Field,
    target: Tokens,
    conditioning: Tokens,
    draws: Arrays,
    function: Callable[[Tokens, Velocity, Any], Arrays],
    batch_size: int,
) -> Arrays:
    """Apply a function to chunks of rows and draws; encode each row once.

    ``draws`` and the arrays that ``function(target, velocity, draws)`` returns
    have the shape ``(n_draws, n_rows, ...)``.
    """
    n_rows = target.sample_shape[0]
    at_a_time = max(1, batch_size // max(1, n_rows))

    def of_rows(rows: tuple[Tokens, Tokens, Any]) -> Arrays:
        target, conditioning, draws = rows
        velocity = given(field, conditioning)
        result = map_chunks(
            partial(function, target, velocity), _swap(draws), at_a_time
        )
        return _swap(result)

    rows = (target, conditioning, _swap(draws))
    return _swap(map_chunks(of_rows, rows, batch_size))


def _swap(tree: Arrays) -> Arrays:
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), tree)


def float_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of a solve: float32 unless the given one is a float."""
    floating = jnp.issubdtype(dtype, jnp.floating)
    return dtype if floating else np.dtype(np.float32)
