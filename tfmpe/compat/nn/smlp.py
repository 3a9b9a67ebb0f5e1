"""Mirror of ``sfmpe.nn.smlp``: one perceptron for all tokens together."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.nn.transformer.embedding import Embedding as Embedding
from tfmpe.compat.nn.transformer.encoder import MLP as MLP


class MLPStructuredVectorField(nnx.Module):
    """A multilayer perceptron of the values of all tokens, and the time.

    Parameters
    ----------
    config : mapping
        See :class:`~tfmpe.compat.nn.transformer.transformer.Transformer`;
        ``n_ff`` is the number of hidden layers.
    n_labels : int
        Size of a table that is never used (L50).
    in_dim : int
        Number of tokens of context and theta together.
    value_dim : int
        Number of values in a token.
    out_dim : int
        Number of tokens of theta.
    rngs : nnx.Rngs, optional
        By default all instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.nn.smlp.MLPStructuredVectorField``. Labels, functional
    inputs and masks are ignored. Works under ``nnx.jit``.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        n_labels: int,
        in_dim: int,
        value_dim: int,
        out_dim: int,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.smlp.MLPStructuredVectorField")
        dim = config["latent_dim"]
        self.latent_dim = dim
        # Never called, but part of the legacy weights and of their keys (L50).
        self.embedding = Embedding(
            value_dim,
            n_labels,
            config["label_dim"],
            0,
            config["index_out_dim"],
            dim,
            rngs=rngs,
        )
        self.in_linear = nnx.Linear(in_dim * value_dim + 1, dim, rngs=rngs)
        self.mlp = MLP(
            dim, config["n_ff"], config["dropout"], config["activation"], rngs
        )
        self.out_linear = nnx.LinearGeneral(dim, (out_dim, 1), rngs=rngs)

    def __call__(
        self,
        context: Float[Array, "n c value_dim"],
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        theta: Float[Array, "n t value_dim"],
        theta_label: Any,
        theta_index: Any,
        theta_mask: Any,
        cross_mask: Any,
        time: Any,
    ) -> Float[Array, "n t 1"]:
        """Return one velocity for every token of theta (L50).

        ``time`` is an array with an axis of rows. For the other arguments, see
        :class:`~tfmpe.compat.svf.StructuredVectorFieldModel`.
        """
        flat = [
            part.reshape((part.shape[0], -1)) for part in (context, theta, time)
        ]
        x = jnp.concatenate(flat, -1)
        return self.out_linear(self.mlp(self.in_linear(x)))
