"""Mirror of ``sfmpe.svf``: base class of structured vector fields."""

from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
from jax import Array as Array

from tfmpe.compat._needs_flow import nnx


class StructuredVectorFieldModel(nnx.Module):
    """Base class of vector fields with ten arguments.

    Functions and other NNX modules with the same arguments are accepted too.

    Notes
    -----
    Legacy: ``sfmpe.svf.StructuredVectorFieldModel``. Subclasses must
    define ``__call__``.
    """

    @abstractmethod
    def __call__(
        self,
        context: Any,
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        theta: Any,
        theta_label: Any,
        theta_index: Any,
        theta_mask: Any,
        cross_mask: Any,
        time: Any,
    ) -> Any:
        """Return the velocity of every value of theta.

        Parameters
        ----------
        context : Array, shape (n, n_context, width)
            The observations.
        context_label, theta_label : Array of int, shape (n or 1, n_tokens)
        context_index, theta_index : Array, shape (n or 1, n_tokens, inputs)
            Functional inputs, or None.
        context_mask, theta_mask, cross_mask : Array of float
            Shape ``(n or 1, 1, rows, columns)``, 1 where attention is
            allowed; or None.
        theta : Array, shape (n, n_theta, width)
            State of the flow; ``n`` is 1 when the flow is solved, and the
            size of a batch in training.
        time : Array, shape (n, 1, 1)
            From 0 (noise) to 1 (values).

        Returns
        -------
        Array, shape (n, n_theta, width)
        """
        return jnp.zeros_like(theta)
