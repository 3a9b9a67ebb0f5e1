"""The layers of the transformer."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe.nn._config import TransformerConfig
from tfmpe.nn._initial import Linear, ones, zeros
from tfmpe.nn._pattern import AttentionPattern


class Attention(nnx.Module):
    """Multi-head attention that a pattern restricts."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        self.n_heads = config.n_heads
        dim, dtype = config.latent_dim, config.dtype

        def linear() -> Linear:
            return Linear(dim, dim, use_bias=False, dtype=dtype, rngs=rngs)

        self.query, self.key, self.value = linear(), linear(), linear()
        self.out = linear()

    def remember(self, tokens: Any) -> tuple[Any, Any]:
        """Return what queries need of the tokens that they attend to."""
        return self._split(self.key(tokens)), self._split(self.value(tokens))

    def __call__(
        self, queries: Any, remembered: Any, pattern: AttentionPattern
    ) -> Any:
        """Attend.

        Parameters
        ----------
        queries : Array, shape (rows, n_query, latent_dim)
        remembered : pair of Array, shape (rows, n_key, heads, head_dim)
            Of :meth:`remember`.
        pattern : AttentionPattern
            Which tokens a query attends to.

        Returns
        -------
        Array, shape (rows, n_query, latent_dim)
        """
        keys, values = remembered
        attended = pattern(self._split(self.query(queries)), keys, values)
        return self.out(attended.reshape(queries.shape))

    def _split(self, vectors: Any) -> Any:
        *shape, dim = vectors.shape
        return vectors.reshape((*shape, self.n_heads, dim // self.n_heads))


class GatedMLP(nnx.Module):
    """A hidden layer whose other half opens and closes it (GEGLU).

    Source: Shazeer, 2020. Smooth, so that few steps solve the flow.
    """

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        dim, hidden, dtype = config.latent_dim, config.hidden_dim, config.dtype
        self.into = Linear(dim, 2 * hidden, dtype=dtype, rngs=rngs)
        self.out = Linear(hidden, dim, dtype=dtype, rngs=rngs)

    def __call__(self, tokens: Any) -> Any:
        """Return new vectors, token by token."""
        value, gate = jnp.split(self.into(tokens), 2, -1)
        return self.out(value * jax.nn.gelu(gate))


def _norm(config: TransformerConfig, rngs: nnx.Rngs, **options: Any) -> Any:
    return nnx.LayerNorm(
        config.latent_dim,
        dtype=config.dtype,
        rngs=rngs,
        scale_init=ones,
        bias_init=zeros,
        **options,
    )


class EncoderLayer(nnx.Module):
    """Conditioning tokens among themselves."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        self.attention_norm = _norm(config, rngs)
        self.attention = Attention(config, rngs=rngs)
        self.mlp_norm = _norm(config, rngs)
        self.mlp = GatedMLP(config, rngs=rngs)

    def __call__(self, tokens: Any, pattern: AttentionPattern) -> Any:
        """Return new vectors, ``(rows, n_tokens, latent_dim)``."""
        normed = self.attention_norm(tokens)
        tokens = tokens + self.attention(
            normed, self.attention.remember(normed), pattern
        )
        return tokens + self.mlp(self.mlp_norm(tokens))


class DecoderLayer(nnx.Module):
    """Target tokens among themselves and to the conditioning tokens.

    The time scales and shifts what enters each part and scales what leaves
    it; those scales begin at 0, so that every layer begins as the identity
    (adaLN-Zero: Peebles & Xie, 2023).
    """

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        plain = {"use_scale": False, "use_bias": False}
        self.attention_norm = _norm(config, rngs, **plain)
        self.attention = Attention(config, rngs=rngs)
        self.cross_norm = _norm(config, rngs, **plain)
        self.cross = Attention(config, rngs=rngs)
        self.mlp_norm = _norm(config, rngs, **plain)
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
        tokens: Any,
        time: Any,
        remembered: Any,
        pattern: AttentionPattern,
        cross_pattern: AttentionPattern | None,
    ) -> Any:
        """Return new vectors of the target tokens.

        Parameters
        ----------
        tokens : Array, shape (rows, n_tokens, latent_dim)
        time : Array, shape (rows, latent_dim)
        remembered : pair of Array, or None
            Of the conditioning tokens; None if there are none.
        pattern, cross_pattern : AttentionPattern
            Among the target tokens, and from them to the conditioning ones;
            None if there are none.
        """
        modulation = self.modulation(jax.nn.gelu(time))[:, None]
        parts = jnp.split(modulation, 9, -1)
        attention, cross, mlp = parts[:3], parts[3:6], parts[6:]

        normed = _modulated(self.attention_norm(tokens), attention)
        tokens = tokens + attention[2] * self.attention(
            normed, self.attention.remember(normed), pattern
        )
        if remembered is not None and cross_pattern is not None:
            normed = _modulated(self.cross_norm(tokens), cross)
            tokens = tokens + cross[2] * self.cross(
                normed, remembered, cross_pattern
            )
        normed = _modulated(self.mlp_norm(tokens), mlp)
        return tokens + mlp[2] * self.mlp(normed)


def _modulated(normed: Any, modulation: Any) -> Any:
    scale, shift, _ = modulation
    return normed * (1 + scale) + shift
