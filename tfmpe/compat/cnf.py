"""Mirror of ``sfmpe.cnf``: flows for unstructured parameters."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from tfmpe.compat._flow.draws import base_draw, check_theta_shape
from tfmpe.compat._flow.keys import take_key
from tfmpe.compat._flow.solutions import Problem
from tfmpe.compat._needs_flow import nnx
from tfmpe.compat.defects.l18_negative_time import (
    PlainNegativeTimeWarning,
    has_negative_time,
)
from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.defects.l35_return_times import check_return_times
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.nn.mlp import VectorFieldModel as VectorFieldModel


class CNF(nnx.Module):
    """Continuous normalizing flow of plain arrays, given a context.

    Parameters
    ----------
    vfm : VectorFieldModel
        The vector field, called with the keywords ``theta``, ``time`` and
        ``context``.
    rngs : nnx.Rngs, optional
        Base draws and probes come from its ``base_dist()``. By default all
        instances share ``nnx.Rngs(0)`` (L20).
    fix : iterable of str, optional
        Codes of the defects to turn off, such as ``['L28']``, in addition
        to those in the environment variable ``TFMPE_COMPAT_FIX``.

    Raises
    ------
    ValueError
        If ``fix`` has a code that cannot be turned off.

    Notes
    -----
    Legacy: ``sfmpe.cnf.CNF``. On Tokens:
    :class:`tfmpe.estimators.ContinuousFlow`.

    Examples
    --------
    >>> class Shift(VectorFieldModel):
    ...     def __call__(self, theta, time, context):
    ...         return 3 * jnp.ones_like(theta)
    >>> cnf = CNF(Shift(), rngs=nnx.Rngs(0))
    >>> ends = cnf.sample(jnp.zeros((1, 4)), (2,), 5, jnp.zeros((5, 2)))
    >>> print(ends.shape, f"{ends.mean():.3f}")
    (5, 2) 3.000
    """

    def __init__(
        self,
        vfm: Any,
        rngs: nnx.Rngs | None = None,
        *,
        fix: Iterable[str] | None = None,
    ) -> None:
        self.fix = read_fixes(fix)
        self.vfm = vfm
        self.rngs = or_shared(rngs, "cnf.CNF", self.fix)

    def vector_field(self, theta: Any, time: Any, context: Any) -> Any:
        """Pass the three arguments on to the vector field, by keyword."""
        return self.vfm(theta=theta, time=time, context=context)

    def sample(
        self,
        context: Any,
        theta_shape: tuple[int, ...],
        sample_size: int = 1,
        theta_0: Any = None,
        direction: str = "forward",
        return_times: Any = None,
    ) -> Any:
        """Draw from the flow, given one context.

        Parameters
        ----------
        context : Array, shape (1, context_dim)
            One observation.
        theta_shape : tuple of int
            Shape of one draw.
        sample_size : int
            Number of draws.
        theta_0 : Array, shape (sample_size, *theta_shape), optional
            Initial values; by default a new standard normal draw at every
            call.
        direction : {'forward', 'backward'}
            From noise to values, or from values to noise.
        return_times : Array, shape (times,), optional
            Ascending times from 0 to 1, dimensionless. ``theta_0`` is the
            state at the first of them along the path (L35).

        Returns
        -------
        Array, shape (sample_size, *theta_shape)
            With ``return_times``, of shape (sample_size, times, *theta_shape):
            in ascending order of times if forward, else descending.

        Raises
        ------
        AssertionError
            If ``theta_0`` has a different shape.
        ValueError
            If the direction is unknown.
        TypeError
            If ``theta_shape`` is not a tuple, or there are several contexts.

        Notes
        -----
        Works under ``jit``, and under ``vmap`` over context and ``theta_0``.
        In training mode all times and draws share a dropout mask (L33).
        """
        check_theta_shape(theta_shape)
        theta_0 = base_draw(
            self.rngs, theta_0, (sample_size, *theta_shape), context
        )
        if return_times is not None:
            check_return_times(return_times, direction)
        problem = self._problem(theta_shape, context)
        return problem.sample(theta_0, direction, return_times)

    def log_prob(
        self,
        theta: Any,
        context: Any,
        n_epsilon: int = 10,
    ) -> Float[Array, " n"]:
        """Estimate log densities, given one context.

        Parameters
        ----------
        theta : Array, shape (n, *theta_shape)
        context : Array, shape (1, context_dim)
            One row for all rows of ``theta`` (L29).
        n_epsilon : int
            Number of random probes of the divergence for each row of
            ``theta``; new at every call.

        Returns
        -------
        Array
            In nats; a random estimate. Wrong by default, unless the field is
            even in time (L28).

        Raises
        ------
        TypeError
            If there are several contexts.

        Notes
        -----
        Works under ``jit``, and under ``vmap`` like :meth:`sample`.
        """
        shape = (*jnp.shape(theta), n_epsilon)
        key = take_key(self.rngs, theta, context)
        problem = self._problem(jnp.shape(theta)[1:], context)
        epsilon = jax.random.normal(key, shape)
        negative = has_negative_time(self.fix, PlainNegativeTimeWarning)
        return problem.log_prob(theta, epsilon, negative)

    def _problem(self, theta_shape: tuple[int, ...], context: Any) -> Problem:
        if jnp.ndim(context) and jnp.shape(context)[0] != 1:
            raise TypeError(
                f"context has shape {jnp.shape(context)}, expected "
                "(1, context_dim): one observation (L29). For several, use "
                "jax.vmap over context[:, None]."
            )
        return Problem(self.vfm, theta_shape, {"context": context}, (1, 1))
