"""The encoder and the decoder: stacks of layers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe.compat.nn.transformer._config import Sizes
from tfmpe.compat.nn.transformer._weights import (
    Kernel,
    Keys,
    LayerNorm,
    Linear,
    take,
)

Drop = Callable[[Any], Any]


class Attention(nnx.Module):
    """Multi-head attention without biases."""

    def __init__(self, keys: Keys, sizes: Sizes) -> None:
        dim, n_heads = sizes.latent_dim, sizes.n_heads
        split = (dim, n_heads, dim // n_heads)
        self.query = Kernel(keys, (dim, dim), split)
        self.key = Kernel(keys, (dim, dim), split)
        self.value = Kernel(keys, (dim, dim), split)
        self.out = Kernel(keys, (dim, dim), (*split[1:], dim))

    def __call__(
        self, layer: int, x: Any, context: Any, mask: Any, drop: Drop
    ) -> Any:
        """Return what the tokens of ``x`` take from those of ``context``.

        Parameters
        ----------
        layer : int
        x, context : Array, shape (n, n_tokens, latent_dim)
        mask : Array, shape (n or 1, 1, n_x, n_context), or None
            Nonzero may attend. A row of zeros attends to all alike (L22).
        drop : callable
            Dropout, of the attention weights.
        """
        query, key, value, out = (
            take(part.kernel, layer)
            for part in (self.query, self.key, self.value, self.out)
        )
        q = jnp.einsum("ntd,dhk->nthk", x, query) / query.shape[-1] ** 0.5
        k = jnp.einsum("ncd,dhk->nchk", context, key)
        v = jnp.einsum("ncd,dhk->nchk", context, value)
        scores = jnp.einsum("nthk,nchk->nhtc", q, k)
        if mask is not None:
            # Finite, so that a row of zeros is uniform and not NaN.
            lowest = jnp.finfo(scores.dtype).min
            scores = jnp.where(jnp.asarray(mask) != 0, scores, lowest)
        weights = drop(jax.nn.softmax(scores))
        mixed = jnp.einsum("nhtc,nchk->nthk", weights, v)
        return jnp.einsum("nthk,hkd->ntd", mixed, out)


class FeedForwardLayers(nnx.Module):
    """The weights of all layers of all feed-forward parts of a stack."""

    def __init__(self, keys: Keys, dim: int) -> None:
        self.linear = Linear(keys, dim, dim)


class FeedForward(nnx.Module):
    """Several linear layers, each followed by the activation."""

    def __init__(
        self, keys: Keys, sizes: Sizes, activation: Callable[[Any], Any]
    ) -> None:
        inner = keys.split(sizes.n_ff)
        self.layers = FeedForwardLayers(inner, sizes.latent_dim)
        self.n_ff = sizes.n_ff
        self.activation = activation

    def __call__(self, layer: int, x: Any, drop: Drop) -> Any:
        """Return new vectors, token by token."""
        for i in range(self.n_ff):
            x = drop(self.activation(self.layers.linear(x, (layer, i))))
        return x


class Stack(nnx.Module):
    """Layers of one kind: the encoder without context, or the decoder."""

    def __init__(
        self,
        keys: Keys,
        sizes: Sizes,
        n_layers: int,
        activation: Callable[[Any], Any],
    ) -> None:
        self.attn = Attention(keys, sizes)
        self.norm = LayerNorm(keys, sizes.latent_dim)
        self.ff = FeedForward(keys, sizes, activation)
        self.ff_norm = LayerNorm(keys, sizes.latent_dim)
        self.n_layers = n_layers

    def encode(self, x: Any, drop: Drop) -> Any:
        """Return new vectors, token by token.

        The legacy encoder attends, then drops what came out (L22): its
        attention weights are never used.
        """
        for layer in range(self.n_layers):
            x = x + self.norm(x, layer)
            x = x + self.ff_norm(self.ff(layer, x, drop), layer)
        return x

    def decode(self, x: Any, context: Any, mask: Any, drop: Drop) -> Any:
        """Return new vectors of tokens that attend to a context."""
        for layer in range(self.n_layers):
            attended = self.attn(layer, x, context, mask, drop)
            x = x + self.norm(attended, layer)
            x = x + self.ff_norm(self.ff(layer, x, drop), layer)
        return x
