"""Mirror of the legacy module ``sfmpe.svf``: what a vector field is."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class StructuredVectorField(Protocol):
    """Velocities of theta, from ten keyword arguments.

    Anything that can be called like this: a function, a flax NNX module.
    """

    def __call__(
        self,
        *,
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
        """Return the velocity of every value of theta.

        Parameters
        ----------
        theta : Array, shape (n, n_theta, width)
            Where the flow is; ``n`` is 1 when the flow is solved, and the
            size of a batch in training.
        time : Array, shape (n, 1, 1)
            From 0 (noise) to 1 (values).
        context : Array, shape (n, n_context, width)
            What is given.
        theta_label, context_label : Array of int, shape (n or 1, n_tokens)
        theta_index, context_index : Array, shape (n or 1, n_tokens, inputs)
            Functional inputs, or None.
        theta_mask, context_mask, cross_mask : Array of float
            Shape ``(n or 1, 1, rows, columns)``; 1 may attend. Or None.

        Returns
        -------
        Array, shape (n, n_theta, width)
        """
        ...
