"""One solution of a legacy flow by the new engine."""

import functools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from tfmpe.compat._flow._legacy_field import (
    BACKWARD,
    FORWARD,
    NEGATIVE_TIME,
    Clock,
    LegacyField,
    split_legacy,
)
from tfmpe.estimators import ContinuousFlow
from tfmpe.estimators._flow.ode import read_direction
from tfmpe.preprocessing import Independence, KeyLayout, TokenLayout, Tokens

THETA = "theta"

# As the legacy solver's; a tolerance stands for both, absolute and relative.
_SOLVER: Mapping[str, Any] = MappingProxyType(
    {"solver": "dopri5", "rtol": 1e-5}
)


class Problem:
    """A legacy vector field and everything that it is given but theta.

    Parameters
    ----------
    field : callable
        A legacy vector field.
    theta_shape : tuple of int
        Of one draw.
    given : mapping
        The other arguments of the field, but ``time``.
    time_shape : tuple of int
        Of the time that the field sees: all ones.

    Notes
    -----
    The legacy call has no names and no rules: theta is one token to the
    engine, and all else goes to the field as it is.
    """

    def __init__(
        self,
        field: Any,
        theta_shape: tuple[int, ...],
        given: Mapping[str, Any],
        time_shape: tuple[int, ...],
    ) -> None:
        self._shape = theta_shape
        self._size = math.prod(theta_shape)
        self._given = {name: _as_array(given[name]) for name in given}
        self._time_shape = time_shape
        self._field = split_legacy(field)

    def sample(
        self,
        theta_0: Float[Array, " n *theta_shape"],
        direction: str,
        return_times: Any = None,
    ) -> Any:
        """Return the ends of the paths that begin at ``theta_0``.

        Parameters
        ----------
        theta_0 : Array
        direction : {'forward', 'backward'}
        return_times : array, shape (times,), optional
            Ascending. The states at all of these, (n, times, *theta_shape),
            in the order in which they are passed; the first is ``theta_0``,
            whatever the time is (L35).

        Raises
        ------
        ValueError
            If the direction is unknown.
        """
        start, _ = read_direction(direction)
        if return_times is None:
            return self._move(theta_0, BACKWARD if start else FORWARD)
        times = jnp.asarray(return_times)
        if start:
            times = times[::-1]
        states = [jnp.asarray(theta_0)]
        for i in range(1, len(times)):
            length = times[i] - times[i - 1]
            states.append(
                self._move(states[-1], (times[i - 1], length, length))
            )
        return jnp.stack(states, 1)

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
            Whether the field sees the times of sampling with a minus sign.
        """
        clock = NEGATIVE_TIME if negative_time else FORWARD
        density = self._flow(clock).log_prob(
            self._tokens,
            [THETA],
            values=self._rows(theta),
            probes=self._rows(jnp.moveaxis(epsilon, -1, 0)),
            **_SOLVER,
        )
        return density[:, 0]

    def _move(self, theta_0: Any, clock: Any) -> Any:
        draws = self._flow(clock).sample(
            self._tokens,
            [THETA],
            n_samples=len(theta_0),
            theta_0=self._rows(theta_0),
            **_SOLVER,
        )
        return draws.reshape((len(theta_0), *self._shape))

    def _flow(self, clock: Clock) -> ContinuousFlow:
        static, parameters, rest = self._field
        return ContinuousFlow(
            LegacyField(
                parameters,
                rest,
                self._given,
                jnp.stack([jnp.asarray(part, float) for part in clock]),
                static,
                self._shape,
                self._time_shape,
            )
        )

    @property
    def _tokens(self) -> Tokens:
        return Tokens(jnp.zeros((1, 1, self._size)), _layout(self._size))

    def _rows(self, values: Any) -> Any:
        """Return values as the engine has them: one row, one token."""
        values = jnp.asarray(values)
        lead = values.shape[: values.ndim - len(self._shape)]
        return values.reshape((*lead, 1, 1, self._size))


def _as_array(value: Any) -> Any:
    return None if value is None else jnp.asarray(value)


@functools.lru_cache(maxsize=256)
def _layout(size: int) -> TokenLayout:
    return TokenLayout(
        (KeyLayout(THETA, (THETA,), 0, (1,), (size,), 0),),
        Independence.parse(None),
    )
