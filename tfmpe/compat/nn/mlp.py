"""Mirror of ``sfmpe.nn.mlp``: vector fields for unstructured parameters."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.nn.transformer.encoder import MLP as MLP


class VectorFieldModel(nnx.Module):
    """Base class of vector fields of theta, time and context.

    Notes
    -----
    Legacy: ``sfmpe.nn.mlp.VectorFieldModel``.
    """

    def __call__(self, theta: Any, time: Any, context: Any) -> Any:
        """Return the velocity of every value of theta.

        Parameters
        ----------
        theta : Array, shape (n, *theta_shape)
        time : Array, shape (n, 1)
        context : Array, shape (n, context_dim)

        Raises
        ------
        TypeError
            If the subclass does not define ``__call__``.
        """
        raise TypeError(
            f"{type(self).__name__} has no __call__(theta, time, context); "
            "define it in a subclass."
        )


class MLPVectorField(VectorFieldModel):
    """A multilayer perceptron of theta, time and context.

    Parameters
    ----------
    theta_dim, context_dim : int
        Widths of theta and context.
    latent_dim, n_layers : int
        Width and number of the hidden layers.
    dropout : float
        Fraction of the hidden values that is zeroed in training mode.
    activation : callable
        Activation of the hidden layers.
    rngs : nnx.Rngs, optional
        By default all instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.nn.mlp.MLPVectorField``. Works under ``nnx.jit``. Each
    call advances every stream, even in evaluation mode (L34).

    Examples
    --------
    >>> network = MLPVectorField(2, 3, 8, 1, 0.1, nnx.relu, rngs=nnx.Rngs(0))
    >>> network(jnp.ones((5, 2)), jnp.ones((5, 1)), jnp.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        theta_dim: int,
        context_dim: int,
        latent_dim: int,
        n_layers: int,
        dropout: float,
        activation: Callable[[Any], Any],
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.mlp.MLPVectorField")
        n_columns = 1 + theta_dim + context_dim
        self.in_linear = nnx.Linear(n_columns, latent_dim, rngs=rngs)
        self.mlp = MLP(latent_dim, n_layers, dropout, activation, rngs)
        self.out_linear = nnx.Linear(latent_dim, theta_dim, rngs=rngs)

    def __call__(
        self,
        theta: Float[Array, "*n theta_dim"],
        time: Any,
        context: Any,
    ) -> Float[Array, "*n theta_dim"]:
        """Return the velocity of every value of theta.

        Parameters
        ----------
        theta : Array
        time : Array, shape (*n, 1)
        context : Array, shape (*n, context_dim)
            All three must have the same leading axes.

        Raises
        ------
        TypeError
            If the leading axes differ.
        """
        x = jnp.concatenate([theta, time, context], -1)
        return self.out_linear(self.mlp(self.in_linear(x)))
