"""Embeddings of tokens: values, key, functional inputs, and role."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from tfmpe._base.arrays import grow, promoted, to_rank
from tfmpe.nn._config import KnownKey, TransformerConfig, find_keys
from tfmpe.nn._initial import Linear, normal, ones, zeros
from tfmpe.nn._inputs import input_counts, input_moments, real_inputs
from tfmpe.nn._types import AnyArray, AnyView

# Periods of 16, 8, 4 and 2. Faster waves make the field rough in time, and
# a solver needs several times as many steps.
_TIME_WAVES = 4


class InputMoment(nnx.Variable[Array]):
    """Mean or scale of functional inputs, stored with the parameters."""


class TokenEmbedding(nnx.Module):
    """A vector for every token, independent of time.

    It is the sum of a linear map of the token's values, with one map per key;
    a vector for its key, which differs between target and conditioning tokens;
    and a linear map of the Fourier features of its standardized functional
    inputs. Padding contributes nothing.
    """

    def __init__(
        self,
        config: TransformerConfig,
        keys: tuple[KnownKey, ...],
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.config = config
        self.keys = keys
        dim, n_keys = config.latent_dim, len(keys)
        width = max((key.width for key in keys), default=1)
        n_inputs = max((key.n_inputs or 0 for key in keys), default=0)
        self.value_kernel = nnx.Param(
            normal(
                rngs.params(),
                (n_keys, width, dim),
                scale=1 / math.sqrt(max(width, 1)),
            )
        )
        self.key_vector = nnx.Param(
            normal(rngs.params(), (2, n_keys, dim), scale=1.0)
        )
        self.input_projection = (
            Linear(n_inputs * (2 * config.n_frequencies + 1), dim, rngs=rngs)
            if n_inputs
            else None
        )
        self.input_mean = InputMoment(zeros(None, (n_inputs,)))
        self.input_scale = InputMoment(ones(None, (n_inputs,)))

    def measure_inputs(self, tokens: AnyView) -> None:
        """Set the moments of functional inputs, measured in some tokens."""
        mean, scale = input_moments(tokens, self.input_mean.shape[0])
        self.input_mean = InputMoment(jnp.asarray(mean))
        self.input_scale = InputMoment(jnp.asarray(scale))

    def __call__(
        self, tokens: AnyView, *, is_target: bool
    ) -> Float[Array, "*sample tokens latent"]:
        """Return a vector for every token."""
        layout = tokens.layout
        positions = find_keys(self.keys, layout)
        n_tokens = [key.n_tokens for key in layout.keys]
        rows = np.repeat(np.array(positions, int), n_tokens)
        values = jnp.where(tokens.value_mask, tokens.data, 0)
        # One product per key: a kernel per token would be as large as the
        # activations.
        parts = [
            jnp.matmul(
                *promoted(
                    values[..., key.block, : key.width],
                    self.value_kernel[position, : key.width],
                )
            )
            for key, position in zip(layout.keys, positions, strict=True)
        ]
        vectors = self.key_vector[1 - int(is_target)][rows]
        summands = [to_rank(vectors, values.ndim)]
        if parts:
            summands.append(jnp.concatenate(parts, -2))
        inputs = self._inputs(tokens)
        if inputs is not None:
            summands.append(inputs)
        vectors, *others = promoted(*summands)
        for other in others:
            vectors = vectors + other
        return vectors.astype(self.config.dtype)

    def _inputs(
        self, tokens: AnyView
    ) -> Float[Array, "*sample tokens latent"] | None:
        """Return the summand of functional inputs; 0 for keys without any."""
        projection = self.input_projection
        n_inputs = self.input_mean.shape[0]
        given = tokens.functional_inputs
        counts = input_counts(tokens.layout)
        if projection is None or given is None or not counts.any():
            return None
        real = real_inputs(tokens.layout, tokens.padding, n_inputs)
        given = given[..., :n_inputs]
        given, mean, scale = promoted(
            grow(given, given.ndim - 1, (n_inputs,), 0),
            to_rank(self.input_mean, given.ndim),
            to_rank(self.input_scale, given.ndim),
        )
        given = jnp.where(
            to_rank(real, given.ndim),
            # Converted last: differences of large values need all bits.
            ((given - mean) / scale).astype(jnp.float32),
            0,
        )
        added = projection(fourier_features(given, self.config.n_frequencies))
        return jnp.where(to_rank((counts > 0)[:, None], added.ndim), added, 0)


class TimeEmbedding(nnx.Module):
    """A smooth vector-valued function of time."""

    def __init__(self, config: TransformerConfig, *, rngs: nnx.Rngs) -> None:
        self.dtype = config.dtype
        dim = config.latent_dim
        self.first = Linear(2 * _TIME_WAVES + 1, dim, rngs=rngs)
        self.second = Linear(dim, dim, rngs=rngs)

    def __call__(
        self, time: Float[Array, " rows"]
    ) -> Float[Array, "rows latent"]:
        """Return a vector for every time."""
        time = time[..., None].astype(jnp.float32)
        features = fourier_features(time, _TIME_WAVES)
        hidden = jax.nn.gelu(self.first(features))
        return self.second(hidden).astype(self.dtype)


def fourier_features(
    values: Float[AnyArray, "*shape n"], n_frequencies: int
) -> Float[Array, "*shape n_features"]:
    """Return values, then sines and cosines at doubling frequencies.

    The lowest frequency has a period of 16, suitable for values on a scale of
    about 1; it also resolves larger values. Source: Tancik et al., 2020, with
    fixed frequencies.
    """
    frequencies = np.pi / 8 * 2.0 ** np.arange(n_frequencies)
    values = values[..., None]
    frequencies = to_rank(frequencies.astype(np.float32), values.ndim)
    angles = values * frequencies
    features = jnp.concatenate([values, jnp.sin(angles), jnp.cos(angles)], -1)
    return features.reshape((*values.shape[:-2], -1))
