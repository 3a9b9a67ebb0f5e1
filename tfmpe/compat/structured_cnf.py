"""Mirror of ``sfmpe.structured_cnf``: the flow with nine arguments."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.compat._flow.draws import base_draw, check_theta_shape
from tfmpe.compat._flow.keys import take_key
from tfmpe.compat._flow.solutions import Problem
from tfmpe.compat._needs_flow import nnx
from tfmpe.compat.defects.l18_negative_time import (
    NegativeTimeWarning,
    has_negative_time,
)
from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.svf import (
    StructuredVectorFieldModel as StructuredVectorFieldModel,
)


class StructuredCNF(nnx.Module):
    """Continuous normalizing flow whose methods take nine arguments.

    Parameters
    ----------
    vf_model : callable
        The vector field: an NNX module or any function. Called with ten
        keywords, one draw at a time; see
        :class:`tfmpe.compat.svf.StructuredVectorFieldModel`.
    rngs : nnx.Rngs, optional
        Base draws and probes come from its ``base_dist()``. By default all
        instances share ``nnx.Rngs(0)`` (L20).
    fix : iterable of str, optional
        Codes of the defects to turn off, such as ``['L18']``, in addition
        to those in the environment variable ``TFMPE_COMPAT_FIX``.

    Raises
    ------
    ValueError
        If ``fix`` has a code that cannot be turned off.

    Notes
    -----
    Legacy: ``sfmpe.structured_cnf.StructuredCNF``. On Tokens:
    :class:`tfmpe.estimators.ContinuousFlow`. Repeated calls with equal shapes
    compile nothing, unlike in the legacy package (L23).

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> def field(*, theta, time, **_):
    ...     return 3 * jnp.ones_like(theta)
    >>> cnf = StructuredCNF(field, rngs=nnx.Rngs(0))
    >>> labels = jnp.zeros((1, 2), jnp.int8), jnp.ones((1, 5), jnp.int8)
    >>> draws = cnf.sample(
    ...     context=jnp.ones((1, 5, 1)),
    ...     context_label=labels[1],
    ...     context_index=None,
    ...     context_mask=None,
    ...     theta_shape=(2, 1),
    ...     theta_label=labels[0],
    ...     theta_index=None,
    ...     theta_mask=None,
    ...     cross_mask=None,
    ...     theta_0=jnp.zeros((1, 2, 1)),
    ... )
    >>> print(draws.shape, f"{draws.mean():.3f}")
    (1, 2, 1) 3.000
    """

    def __init__(
        self,
        vf_model: Any,
        rngs: Any = None,
        *,
        fix: Iterable[str] | None = None,
    ) -> None:
        self.fix = read_fixes(fix)
        self.vf_model = _attribute(vf_model)
        self.rngs = or_shared(rngs, "structured_cnf.StructuredCNF", self.fix)

    def vector_field(
        self,
        theta: Any,
        theta_label: Any,
        theta_index: Any,
        theta_mask: Any,
        time: Any,
        context: Any,
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        cross_mask: Any,
    ) -> Any:
        """Pass the ten arguments on to the vector field, by keyword.

        Returns
        -------
        Array, of the shape of ``theta``
        """
        return self.vf_model(
            theta=theta,
            theta_label=theta_label,
            theta_index=theta_index,
            theta_mask=theta_mask,
            time=time,
            context=context,
            context_label=context_label,
            context_index=context_index,
            context_mask=context_mask,
            cross_mask=cross_mask,
        )

    def sample(
        self,
        context: Any,
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        theta_shape: Any,
        theta_label: Any,
        theta_index: Any,
        theta_mask: Any,
        cross_mask: Any,
        sample_size: int = 1,
        theta_0: Any = None,
        direction: Any = "forward",
    ) -> Any:
        """Draw from the flow, given one context.

        Parameters
        ----------
        context : array, shape (1, n_context, width)
            One observation.
        context_label, theta_label : array of int, shape (1, n_tokens)
            Passed to the field unchanged, as are indices and masks.
        context_index, theta_index : array, shape (1, n_tokens, n_inputs)
            Or None.
        context_mask, theta_mask, cross_mask : array
            Float, ``(1, 1, rows, columns)``, nonzero where attention is
            allowed; or None.
        theta_shape : tuple of int
            Number of tokens of theta, and their width.
        sample_size : int
            Number of draws.
        theta_0 : array, shape (sample_size, *theta_shape), optional
            Initial values; by default a new standard normal draw at every
            call.
        direction : {'forward', 'backward'}
            From noise to values, or from values to noise.

        Returns
        -------
        Array, shape (sample_size, *theta_shape)

        Raises
        ------
        AssertionError
            If ``theta_0`` has a different shape.
        ValueError
            If the direction is unknown.
        TypeError
            If ``theta_shape`` is not a tuple, or there is more than one
            context.

        Notes
        -----
        Works under ``jit``, and under ``vmap`` over the context; the noise is
        then the same at every run and in every row. Every draw is integrated
        by the Dormand-Prince method, with tolerances of 1e-5.
        """
        check_theta_shape(theta_shape)
        _check_context(context)
        theta_0 = base_draw(
            self.rngs, theta_0, (sample_size, *theta_shape), context
        )
        return self._problem(
            theta_shape,
            {
                "context": context,
                "theta_label": theta_label,
                "theta_index": theta_index,
                "theta_mask": theta_mask,
                "context_label": context_label,
                "context_index": context_index,
                "context_mask": context_mask,
                "cross_mask": cross_mask,
            },
        ).sample(theta_0, direction)

    def log_prob(
        self,
        theta: Any,
        theta_label: Any,
        theta_index: Any,
        theta_mask: Any,
        context: Any,
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        cross_mask: Any,
        n_epsilon: int = 10,
    ) -> Any:
        """Estimate log densities, given one context.

        Parameters
        ----------
        theta : array, shape (n, n_theta, width)
            Points at which to evaluate the density.
        context, theta_label, context_label, theta_index, context_index
            See :meth:`sample`, also for the three masks.
        n_epsilon : int
            Number of random probes of the divergence for each row of theta.

        Returns
        -------
        Array, shape (n,)
            In nats; a random estimate. Wrong by default, unless the field is
            even in time (L18).

        Raises
        ------
        TypeError
            If there is more than one context.

        Notes
        -----
        Works under ``jit``, and under ``vmap`` like :meth:`sample`.
        """
        epsilon = jax.random.normal(
            take_key(self.rngs, theta, context),
            (*jnp.shape(theta), n_epsilon),
        )
        return self._log_prob(
            theta,
            epsilon,
            {
                "context": context,
                "theta_label": theta_label,
                "theta_index": theta_index,
                "theta_mask": theta_mask,
                "context_label": context_label,
                "context_index": context_index,
                "context_mask": context_mask,
                "cross_mask": cross_mask,
            },
        )

    def _log_prob(
        self, theta: Any, epsilon: Any, conditions: dict[str, Any]
    ) -> Any:
        """Estimate log densities with the given probes."""
        _check_context(conditions["context"])
        problem = self._problem(jnp.shape(theta)[1:], conditions)
        negative = has_negative_time(self.fix, NegativeTimeWarning)
        return problem.log_prob(theta, epsilon, negative)

    def _problem(
        self, theta_shape: tuple[int, ...], conditions: dict[str, Any]
    ) -> Problem:
        return Problem(self.vf_model, theta_shape, conditions, (1, 1, 1))


def _check_context(context: Any) -> None:
    if jnp.ndim(context) != 3 or jnp.shape(context)[0] != 1:
        raise TypeError(
            f"context has shape {jnp.shape(context)}, expected (1, tokens, "
            "width): one observation at a time. For several, use jax.vmap "
            "over context[:, None], or ContinuousFlow on Tokens."
        )


def _attribute(field: Any) -> Any:
    """Mark a field from another library as data for flax."""
    holds_arrays = any(
        isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(field)
    )
    if holds_arrays and not isinstance(field, nnx.Module):
        return nnx.data(field) if hasattr(nnx, "data") else field
    return field
