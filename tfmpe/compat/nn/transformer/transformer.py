"""Mirror of ``sfmpe.nn.transformer.transformer``: the legacy network."""

from collections.abc import Mapping
from typing import Any

from flax import nnx
from jaxtyping import Array, Float

from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.defects.l22_masks_without_effect import ignore_masks
from tfmpe.compat.nn._stacks import layers, make_stack
from tfmpe.compat.nn.transformer.embedding import Embedding as Embedding
from tfmpe.compat.nn.transformer.encoder import DecoderBlock as DecoderBlock
from tfmpe.compat.nn.transformer.encoder import EncoderBlock as EncoderBlock
from tfmpe.compat.svf import (
    StructuredVectorFieldModel as StructuredVectorFieldModel,
)


class Transformer(StructuredVectorFieldModel):
    """The legacy vector field of structured data.

    Parameters
    ----------
    config : mapping
        ``latent_dim``, ``label_dim``, ``index_out_dim`` (0 without
        functional inputs), ``n_encoder``, ``n_decoder``, ``n_heads``,
        ``n_ff``, ``dropout`` and ``activation``, a function such as
        ``nnx.relu``. Other entries are not used.
    value_dim : int
        Number of values in a token of theta or context.
    n_labels : int
        Number of labels: one more than the largest.
    index_dim : int
        Number of functional inputs of a token.
    rngs : nnx.Rngs, optional
        Streams ``params`` for the initial weights, and ``dropout``. By
        default all instances share ``nnx.Rngs(0)`` (L20).

    Raises
    ------
    KeyError
        If an entry of ``config`` is missing.
    ValueError
        If ``n_heads`` does not divide ``latent_dim``.

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.transformer.Transformer``: the same seed
    gives the same weights, outputs and dropout. Each call advances every
    stream by three, even in evaluation mode (L34).

    A new network is in training mode, with dropout; call ``eval()`` before
    sampling and ``train()`` before training, as with any NNX module.
    :func:`~tfmpe.compat.nn.transformer.load_parameters` loads stored weights.
    Works under ``nnx.jit``, ``vmap`` and ``grad``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> config = dict(
    ...     latent_dim=8,
    ...     label_dim=2,
    ...     index_out_dim=0,
    ...     n_encoder=1,
    ...     n_decoder=1,
    ...     n_heads=2,
    ...     n_ff=1,
    ...     dropout=0.1,
    ...     activation=nnx.relu,
    ... )
    >>> network = Transformer(config, 1, 3, 0, rngs=nnx.Rngs(0))
    >>> network.eval()
    >>> velocity = nnx.jit(network)(
    ...     context=jnp.ones((1, 6, 1)),
    ...     context_label=jnp.ones((1, 6), int),
    ...     context_index=None,
    ...     context_mask=None,
    ...     theta=jnp.ones((1, 4, 1)),
    ...     theta_label=jnp.zeros((1, 4), int),
    ...     theta_index=None,
    ...     theta_mask=None,
    ...     cross_mask=None,
    ...     time=jnp.zeros((1, 1, 1)),
    ... )
    >>> velocity.shape
    (1, 4, 1)
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        value_dim: int,
        n_labels: int,
        index_dim: int,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.transformer.transformer.Transformer")
        dim, n_heads = config["latent_dim"], config["n_heads"]
        shared = (config["n_ff"], config["dropout"], config["activation"])
        self.n_encoder = config["n_encoder"]
        self.n_decoder = config["n_decoder"]
        self.embedding = Embedding(
            value_dim,
            n_labels,
            config["label_dim"],
            index_dim,
            config["index_out_dim"],
            dim,
            rngs=rngs,
        )
        self.encoder = make_stack(
            lambda part: EncoderBlock(dim, *shared, n_heads, part),
            self.n_encoder,
            rngs,
        )
        self.decoder = make_stack(
            lambda part: DecoderBlock(n_heads, dim, *shared, part),
            self.n_decoder,
            rngs,
        )
        self.linear = nnx.Linear(dim, value_dim, rngs=rngs)
        self.rngs = rngs

    def encode(
        self,
        context: Float[Array, "n c value_dim"],
        context_label: Any,
        context_index: Any,
        context_mask: Any,
        time: Any,
    ) -> Float[Array, "n c latent_dim"]:
        """Return the vectors of the context's tokens.

        Parameters
        ----------
        context, context_label, context_index, context_mask, time
            See :meth:`__call__`; the mask has no effect (L22).
        """
        x = self.embedding(context, context_label, context_index, time, True)
        return self._encoded(x, context_mask)

    def decode(
        self,
        pos: Float[Array, "n t value_dim"],
        pos_label: Any,
        pos_index: Any,
        pos_mask: Any,
        encoded: Float[Array, "n c latent_dim"],
        cross_mask: Any,
        time: Any,
    ) -> Float[Array, "n t value_dim"]:
        """Return the velocities of theta, given the encoded context.

        Parameters
        ----------
        pos, pos_label, pos_index, pos_mask
            See ``theta``, ``theta_label`` and so on of :meth:`__call__`.
        encoded : Array
            As returned by :meth:`encode`.
        cross_mask, time
            See :meth:`__call__`.
        """
        x = self.embedding(pos, pos_label, pos_index, time)
        x = self._encoded(x, pos_mask)
        for block in layers(self.decoder, self.rngs):
            x = block(x, encoded, cross_mask)
        return self.linear(x)

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
    ) -> Float[Array, "n t value_dim"]:
        """Return the velocity of every value of theta.

        Parameters
        ----------
        context, theta : Array
        context_label, theta_label : Array of int, shape (n or 1, tokens)
        context_index, theta_index : Array, shape (n or 1, tokens, index_dim)
            Or None if ``index_out_dim`` is 0.
        context_mask, theta_mask : Array or None
            Ignored (L22).
        cross_mask : Array, shape (n or 1, 1, t, c), or None
            Nonzero where a theta token may attend to a context token. A row
            of zeros attends to all tokens equally (L22).
        time : Array, shape (n, 1, 1) or (1, 1, 1), or float
            Used by both sides.

        Raises
        ------
        TypeError
            If a width does not match the network.

        Warns
        -----
        MasksWithoutEffectWarning
            If ``theta_mask`` or ``context_mask`` forbids something (L22).
        """
        ignore_masks(theta_mask=theta_mask, context_mask=context_mask)
        encoded = self.encode(
            context, context_label, context_index, context_mask, time
        )
        return self.decode(
            theta,
            theta_label,
            theta_index,
            theta_mask,
            encoded,
            cross_mask,
            time,
        )

    def _encoded(self, x: Any, mask: Any) -> Any:
        for block in layers(self.encoder, self.rngs):
            x = block(x, mask)
        return x
