"""ODE solves of a legacy flow, compiled once per field and shape.

The solver is ``jax.experimental.ode.odeint``, as in the legacy package: its
steps, and therefore its errors, are part of the legacy numbers. For a network
with relu the error is up to 6e-3, with the legacy tolerances of 1e-5.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental.ode import odeint
from jaxtyping import Array, Float

from tfmpe._base.keys import is_key, without_keys
from tfmpe._base.programs import compiled
from tfmpe.compat._flow.fields import merge_legacy, split_legacy
from tfmpe.estimators._flow.divergence import estimated_divergence
from tfmpe.estimators._flow.ode import read_direction

_TOLERANCE = 1e-5


class Clock(NamedTuple):
    """Mapping from the increasing time of an ODE solve to the field's time.

    The field sees ``start + speed * time``, and its velocities are
    multiplied by ``factor``.
    """

    start: float
    speed: float
    factor: float


FORWARD = Clock(0.0, 1.0, 1.0)
BACKWARD = Clock(1.0, -1.0, -1.0)
# A density is solved backward; with L18 and L28 the field gets minus the time.
DENSITY = BACKWARD
NEGATIVE_DENSITY = Clock(-1.0, 1.0, -1.0)


class Problem:
    """A legacy vector field and its arguments other than theta and time.

    Parameters
    ----------
    field : callable
        A legacy vector field.
    theta_shape : tuple of int
        Shape of one draw.
    given : mapping
        The other arguments of the field, except ``time``.
    time_shape : tuple of int
        Shape of the time that the field receives; every axis has size 1.

    Notes
    -----
    Every draw is solved with its own step sizes. The field receives one draw at
    a time, with a leading axis of size 1, because legacy fields may rely on
    that.
    """

    def __init__(
        self,
        field: Any,
        theta_shape: tuple[int, ...],
        given: Mapping[str, Any],
        time_shape: tuple[int, ...],
    ) -> None:
        static, *arrays = split_legacy(field)
        self._static = _Static(static, theta_shape, time_shape)
        given = {
            name: None if value is None else jnp.asarray(value)
            for name, value in given.items()
        }
        self._arrays = (*arrays, given)

    def sample(
        self,
        theta_0: Float[Array, " n *theta_shape"],
        direction: Any,
        return_times: Any = None,
    ) -> Any:
        """Return the ends of the paths that begin at ``theta_0``.

        Parameters
        ----------
        theta_0 : Array
        direction : {'forward', 'backward'}
        return_times : array, shape (times,), optional
            Ascending times at which to return states, (n, times,
            *theta_shape). States are in the order of the path: backward, from
            the last time to the first. The first state is ``theta_0``,
            whatever its time (L35).

        Raises
        ------
        ValueError
            If the direction is unknown.
        """
        start, _ = read_direction(direction)
        clock = BACKWARD if start else FORWARD
        if return_times is None:
            times = jnp.array([0.0, 1.0])
        else:
            times = jnp.asarray(return_times)
            times = times if clock is FORWARD else (1 - times)[::-1]
        states = _paths(
            self._arrays,
            jnp.asarray(theta_0),
            times,
            clock,
            static=self._static,
        )
        return states[:, -1] if return_times is None else states

    def log_prob(
        self,
        theta: Float[Array, " n *theta_shape"],
        epsilon: Float[Array, " n *theta_shape_and_probes"],
        negative_time: bool,
    ) -> Float[Array, " n"]:
        """Return log densities, in nats.

        Parameters
        ----------
        theta : Array
        epsilon : Array
            Probes for the divergence, along the last axis.
        negative_time : bool
            Whether the field gets the times of sampling with a minus sign.
        """
        return _densities(
            self._arrays,
            jnp.asarray(theta),
            jnp.moveaxis(epsilon, -1, 1),
            NEGATIVE_DENSITY if negative_time else DENSITY,
            static=self._static,
        )


class _Static(NamedTuple):
    """Static arguments of a compiled program."""

    field: Any
    theta_shape: tuple[int, ...]
    time_shape: tuple[int, ...]


def _velocity(
    static: _Static, arrays: Any, clock: Clock
) -> Callable[[Any, Any], Any]:
    """Return the field as a function of one draw and the time."""
    leaves, structure = jax.tree.flatten(arrays)
    floats = [_as_floats(leaf) for leaf in leaves]
    shape = (1, *static.theta_shape)

    def velocity(theta: Any, time: Any) -> Any:
        restored = map(_from_floats, floats, leaves)
        parameters, rest, given = jax.tree.unflatten(structure, restored)
        field = merge_legacy(static.field, parameters, rest)
        time = clock.start + clock.speed * time
        found = field(
            theta=theta[None],
            time=jnp.reshape(time, static.time_shape),
            **given,
        )
        if found.shape != shape:
            raise ValueError(
                f"The vector field returned the shape {found.shape}, "
                f"expected {shape}: one velocity for every value of theta."
            )
        return clock.factor * found[0].astype(theta.dtype)

    return velocity


def _as_floats(array: Any) -> Any:
    """Return an array of integers or keys as floats with the same bits.

    ``odeint`` passes on the floats to which a function refers, so that it can
    be differentiated. Within a compiled program, it fails for other arrays.
    """
    array = without_keys(array)
    if jnp.issubdtype(array.dtype, jnp.inexact):
        return array
    if array.dtype.itemsize < 4:
        array = array.astype(jnp.int32)
    kind = jnp.float32 if array.dtype.itemsize == 4 else jnp.float64
    return jax.lax.bitcast_convert_type(array, kind)


def _from_floats(floats: Any, like: Any) -> Any:
    """Return the array from which :func:`_as_floats` made floats."""
    if jnp.issubdtype(like.dtype, jnp.inexact):
        return floats
    dtype = jnp.uint32 if is_key(like) else like.dtype
    bits = dtype if jnp.dtype(dtype).itemsize >= 4 else jnp.int32
    array = jax.lax.bitcast_convert_type(floats, bits).astype(dtype)
    if is_key(like):
        return jax.random.wrap_key_data(array, impl=jax.random.key_impl(like))
    return array


@compiled()
def _paths(
    arrays: Any, theta_0: Any, times: Any, clock: Clock, *, static: _Static
) -> Any:
    """Return the states of every draw at all times."""
    velocity = _velocity(static, arrays, clock)

    def path(theta_0: Any) -> Any:
        return odeint(
            velocity, theta_0, times, rtol=_TOLERANCE, atol=_TOLERANCE
        )

    return jax.vmap(path)(theta_0)


@compiled()
def _densities(
    arrays: Any, theta: Any, epsilon: Any, clock: Clock, *, static: _Static
) -> Any:
    """Return the log density of every row of theta."""
    velocity = _velocity(static, arrays, clock)
    shape = static.theta_shape

    def density(theta: Any, probes: Any) -> Any:
        rows = probes.reshape((1, len(probes), 1, theta.size))

        def derivative(state: Any, time: Any) -> Any:
            def move(flat: Any) -> Any:
                return velocity(flat.reshape(shape), time).reshape(flat.shape)

            flat = state[0].reshape((1, 1, theta.size))
            moved, divergence = estimated_divergence(move, flat, rows)
            return moved.reshape(shape), divergence[0]

        state = (theta, jnp.zeros((), theta.dtype))
        times = jnp.array([0.0, 1.0])
        ends, change = odeint(
            derivative, state, times, rtol=_TOLERANCE, atol=_TOLERANCE
        )
        return jax.scipy.stats.norm.logpdf(ends[-1]).sum() + change[-1]

    return jax.vmap(density)(theta, epsilon)
