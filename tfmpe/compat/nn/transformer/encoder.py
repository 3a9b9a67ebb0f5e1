"""Mirror of ``sfmpe.nn.transformer.encoder``: blocks of the transformer."""

from collections.abc import Callable
from typing import Any

from flax import nnx
from jaxtyping import Array, Float

from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.nn._layers import Attention, Dropout
from tfmpe.compat.nn._stacks import layers, make_stack

Activation = Callable[[Any], Any]


class FFLayer(nnx.Module):
    """A linear layer, dropout and an activation, in this order.

    Parameters
    ----------
    dim : int
        Width of input and output.
    dropout : float
        Fraction of the values that is zeroed in training mode.
    activation : callable
    rngs : nnx.Rngs, optional
        Streams ``params`` for the weights, and ``dropout``. By default all
        instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.encoder.FFLayer``. Works under ``nnx.jit``.
    """

    def __init__(
        self,
        dim: int,
        dropout: float,
        activation: Activation,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.transformer.encoder.FFLayer")
        self.linear = nnx.Linear(dim, dim, rngs=rngs)
        self.dropout = Dropout(dropout, rngs)
        self.activation = activation

    def __call__(self, x: Float[Array, "*n dim"]) -> Float[Array, "*n dim"]:
        """Return the transformed vectors."""
        return self.activation(self.dropout(self.linear(x)))


class MLP(nnx.Module):
    """A sequence of :class:`FFLayer`.

    Parameters
    ----------
    dim, n_layers : int
    dropout, activation, rngs
        See :class:`FFLayer`. Each layer draws from a part of the streams,
        which are split at every call, even in evaluation mode (L34).

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.encoder.MLP``. Weights have the layer axis
    first. Works under ``nnx.jit``.
    """

    def __init__(
        self,
        dim: int,
        n_layers: int,
        dropout: float,
        activation: Activation,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.transformer.encoder.MLP")
        self.n_layers = n_layers
        self.layers = make_stack(
            lambda part: FFLayer(dim, dropout, activation, part),
            n_layers,
            rngs,
        )

    def __call__(self, x: Float[Array, "*n dim"]) -> Float[Array, "*n dim"]:
        """Return the transformed vectors."""
        for layer in layers(self.layers, self.layers.dropout.rngs):
            x = layer(x)
        return x


class _Block(nnx.Module):
    """Layers that both kinds of blocks have, created in the legacy order."""

    def __init__(
        self,
        n_heads: int,
        dim: int,
        n_ff: int,
        dropout: float,
        activation: Activation,
        rngs: nnx.Rngs,
    ) -> None:
        self.attn = Attention(n_heads, dim, dropout, rngs)
        self.norm = nnx.LayerNorm(dim, rngs=rngs)
        self.ff = MLP(dim, n_ff, dropout, activation, rngs)
        self.ff_norm = nnx.LayerNorm(dim, rngs=rngs)


class EncoderBlock(_Block):
    """A block of the encoder, which discards its attention (L22).

    Parameters
    ----------
    dim : int
        Width of a token's vector.
    n_ff : int
        Layers of the feed-forward part.
    dropout, activation
        See :class:`FFLayer`.
    n_heads : int
        Must divide ``dim``.
    rngs : nnx.Rngs, optional

    Raises
    ------
    ValueError
        If ``n_heads`` does not divide ``dim``.

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.encoder.EncoderBlock``. Works under
    ``nnx.jit``.
    """

    def __init__(
        self,
        dim: int,
        n_ff: int,
        dropout: float,
        activation: Activation,
        n_heads: int,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.transformer.encoder.EncoderBlock")
        super().__init__(n_heads, dim, n_ff, dropout, activation, rngs)

    def __call__(
        self, x: Float[Array, "*n t dim"], mask: Any = None
    ) -> Float[Array, "*n t dim"]:
        """Return the transformed vectors; the mask has no effect (L22)."""
        del mask
        self.attn.take_keys()
        x = x + self.norm(x)
        return x + self.ff_norm(self.ff(x))


class DecoderBlock(_Block):
    """A block of the decoder: tokens attend to a context.

    Parameters
    ----------
    n_heads, dim, n_ff, dropout, activation, rngs
        See :class:`EncoderBlock`; the order of arguments differs.

    Raises
    ------
    ValueError
        If ``n_heads`` does not divide ``dim``.

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.encoder.DecoderBlock``. Works under
    ``nnx.jit``.
    """

    def __init__(
        self,
        n_heads: int,
        dim: int,
        n_ff: int,
        dropout: float,
        activation: Activation,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.transformer.encoder.DecoderBlock")
        super().__init__(n_heads, dim, n_ff, dropout, activation, rngs)

    def __call__(
        self,
        x: Float[Array, "*n t dim"],
        context: Float[Array, "*n c dim"],
        mask: Any = None,
    ) -> Float[Array, "*n t dim"]:
        """Return the transformed vectors.

        ``mask``, of shape ``(n or 1, 1, t, c)``, is nonzero where a token of
        ``x`` may attend to one of ``context``.
        """
        x = x + self.norm(self.attn(x, context, mask))
        return x + self.ff_norm(self.ff(x))
