"""From the nine arguments of a legacy call to Tokens and a field."""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np

from tfmpe.compat._flow._legacy_field import LegacyField, split_legacy
from tfmpe.estimators import ContinuousFlow
from tfmpe.preprocessing import Independence, KeyLayout, TokenLayout, Tokens
from tfmpe.preprocessing._arrays import grow, join

THETA, CONTEXT = "theta", "context"

# As the legacy solver's; a tolerance stands for both, absolute and relative.
_SOLVER: Mapping[str, Any] = MappingProxyType(
    {"solver": "dopri5", "rtol": 1e-5}
)


class Problem:
    """One nine-argument call, ready for the new engine.

    Parameters
    ----------
    field : callable
        A legacy vector field.
    theta_shape : tuple of int
        Tokens and width of theta.
    conditions : dict
        The eight arguments of the field that stay the same: ``context``,
        of shape (1, n_context, width), labels, indices and masks.
    clock : array
        How the field is called; see :class:`LegacyField`.

    Notes
    -----
    The legacy call has no names and no rules: all of theta is one key, all
    of the context another, and its masks go to the field as they are.
    """

    def __init__(
        self,
        field: Any,
        theta_shape: tuple[int, ...],
        conditions: Mapping[str, Any],
        clock: Any,
    ) -> None:
        n_theta, width = theta_shape
        given = dict(conditions)
        context = given.pop("context")
        layout = _layout(n_theta, width, *context.shape[1:])
        self._width = width
        self._padded_width = max(key.width for key in layout.keys)
        placeholder = np.zeros((1, n_theta, self._padded_width), np.float32)
        self._tokens = Tokens(
            join([placeholder, self._pad(context)], axis=1), layout
        )
        static, parameters, rest = split_legacy(field)
        self._flow = ContinuousFlow(
            LegacyField(
                parameters,
                rest,
                given,
                clock,
                static,
                (width, context.shape[-1]),
            )
        )

    def sample(self, theta_0: Any) -> Any:
        """Return the ends of the paths from ``theta_0``, of its shape."""
        draws = self._flow.sample(
            self._tokens,
            [THETA],
            [CONTEXT],
            n_samples=len(theta_0),
            theta_0=self._pad(theta_0)[:, None],
            **_SOLVER,
        )
        return draws[:, 0, :, : self._width]

    def log_prob(self, theta: Any, epsilon: Any) -> Any:
        """Return log densities, shape (n,).

        Parameters
        ----------
        theta : array, shape (n, n_theta, width)
        epsilon : array, shape (n, n_theta, width, n_epsilon)
            Probes for the divergence.
        """
        probes = jnp.moveaxis(epsilon, -1, 0)
        density = self._flow.log_prob(
            self._tokens,
            [THETA],
            [CONTEXT],
            values=self._pad(theta)[:, None],
            probes=self._pad(probes)[:, :, None],
            **_SOLVER,
        )
        return density[:, 0]

    def _pad(self, values: Any) -> Any:
        return grow(values, values.ndim - 1, (self._padded_width,), 0.0)


@functools.lru_cache(maxsize=256)
def _layout(
    n_theta: int, width: int, n_context: int, context_width: int
) -> TokenLayout:
    """Return a layout of two keys, which is all that such a call knows."""
    return TokenLayout(
        (
            KeyLayout(THETA, (THETA,), 0, (n_theta,), (width,), 0),
            KeyLayout(
                CONTEXT, (CONTEXT,), 0, (n_context,), (context_width,), 1
            ),
        ),
        Independence.parse(None),
    )
