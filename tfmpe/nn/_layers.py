"""Layers of the transformer."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe.nn._config import TransformerConfig
from tfmpe.nn._initial import Linear, ones, zeros
from tfmpe.nn._pattern import AttentionPattern
from tfmpe.nn._types import Heads, Remembered, Vectors


class Attention(nnx.Module):
    """Multi-head attention restricted by a pattern."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        self.n_heads, self.dtype = config.n_heads, config.dtype
        dim, dtype = config.latent_dim, config.dtype

        def linear() -> Linear:
            return Linear(dim, dim, use_bias=False, dtype=dtype, rngs=rngs)

        self.query, self.key, self.value = linear(), linear(), linear()
        self.out = linear()

    def remember(self, tokens: Vectors) -> Remembered:
        """Return keys and values of the tokens that queries attend to."""
        keys, values = self._by_head(tokens, self.key, self.value)
        return keys, values

    def __call__(
        self,
        tokens: Vectors,
        pattern: AttentionPattern,
        remembered: Remembered | None = None,
    ) -> Vectors:
        """Attend to remembered tokens; by default, to one another."""
        if remembered is None:
            layers = self.query, self.key, self.value
            found = self._by_head(tokens, *layers)
        else:
            found = [*self._by_head(tokens, self.query), *remembered]
        return self.out(pattern(*found).reshape(tokens.shape))

    def _by_head(self, tokens: Vectors, *layers: Linear) -> list[Heads]:
        """Apply linear layers without bias, as one product: it is faster."""
        kernels = [layer.kernel[...] for layer in layers]
        kernel = jnp.concatenate(kernels, 1).astype(self.dtype)
        rows = tokens.reshape((-1, tokens.shape[-1])).astype(self.dtype)
        found = rows @ kernel
        heads = (len(layers), self.n_heads, -1)
        found = found.reshape((*tokens.shape[:-1], *heads))
        return [found[..., i, :, :] for i in range(len(layers))]


class GatedMLP(nnx.Module):
    """A hidden layer with a gate (GEGLU; Shazeer, 2020).

    It is smooth, so that an ODE solver needs few steps.
    """

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        dim, hidden, dtype = config.latent_dim, config.hidden_dim, config.dtype
        self.into = Linear(dim, 2 * hidden, dtype=dtype, rngs=rngs)
        self.out = Linear(hidden, dim, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: Vectors) -> Vectors:
        """Return new vectors, token by token."""
        value, gate = jnp.split(self.into(tokens), 2, -1)
        return self.out(value * jax.nn.gelu(gate))


def _norm(
    config: TransformerConfig, rngs: nnx.Rngs, *, plain: bool = False
) -> nnx.LayerNorm:
    return nnx.LayerNorm(
        config.latent_dim,
        use_bias=not plain,
        use_scale=not plain,
        dtype=config.dtype,
        rngs=rngs,
        scale_init=ones,
        bias_init=zeros,
    )


class EncoderLayer(nnx.Module):
    """Attention among conditioning tokens, and an MLP."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        self.attention_norm = _norm(config, rngs)
        self.attention = Attention(config, rngs=rngs)
        self.mlp_norm = _norm(config, rngs)
        self.mlp = GatedMLP(config, rngs=rngs)

    def __call__(self, tokens: Vectors, pattern: AttentionPattern) -> Vectors:
        """Return new vectors."""
        normed = self.attention_norm(tokens)
        tokens = tokens + self.attention(normed, pattern)
        return tokens + self.mlp(self.mlp_norm(tokens))


class DecoderLayer(nnx.Module):
    """Attention among target tokens and to conditioning tokens, and an MLP.

    The time embedding scales and shifts the input of each part, and scales its
    output; the output scales are 0 at first, so that every layer starts as the
    identity (adaLN-Zero: Peebles & Xie, 2023).
    """

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        self.attention_norm = _norm(config, rngs, plain=True)
        self.attention = Attention(config, rngs=rngs)
        self.cross_norm = _norm(config, rngs, plain=True)
        self.cross = Attention(config, rngs=rngs)
        self.mlp_norm = _norm(config, rngs, plain=True)
        self.mlp = GatedMLP(config, rngs=rngs)
        self.modulation = Linear(
            config.latent_dim,
            9 * config.latent_dim,
            from_zero=True,
            dtype=config.dtype,
            rngs=rngs,
        )

    def __call__(
        self,
        tokens: Vectors,
        time: Float[Array, "rows latent"],
        remembered: Remembered | None,
        pattern: AttentionPattern,
        cross_pattern: AttentionPattern | None,
    ) -> Vectors:
        """Return new vectors; pass None if there are no conditioning tokens."""
        modulation = self.modulation(jax.nn.gelu(time))[:, None]
        parts = jnp.split(modulation, 9, -1)
        attention, cross, mlp = parts[:3], parts[3:6], parts[6:]

        normed = _modulated(self.attention_norm(tokens), attention)
        tokens = tokens + attention[2] * self.attention(normed, pattern)
        if remembered is not None and cross_pattern is not None:
            normed = _modulated(self.cross_norm(tokens), cross)
            tokens = tokens + cross[2] * self.cross(
                normed, cross_pattern, remembered
            )
        normed = _modulated(self.mlp_norm(tokens), mlp)
        return tokens + mlp[2] * self.mlp(normed)


def _modulated(normed: Vectors, modulation: list[Array]) -> Vectors:
    scale, shift, _ = modulation
    return normed * (1 + scale) + shift
