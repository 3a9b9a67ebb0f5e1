"""Fourier features of numbers."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tfmpe._base.arrays import to_rank
from tfmpe.nn._types import AnyArray


def fourier_features(
    values: Float[AnyArray, "*shape n"], n_frequencies: int
) -> Float[Array, "*shape n_features"]:
    """Return values, then sines and cosines at doubling frequencies.

    The lowest frequency has a period of 16, for values of a scale of about 1;
    larger ones are seen through the lowest frequencies. Source: Tancik et
    al., 2020, with fixed frequencies.
    """
    frequencies = np.pi / 8 * 2.0 ** np.arange(n_frequencies)
    values = values[..., None]
    frequencies = to_rank(frequencies.astype(np.float32), values.ndim)
    angles = values * frequencies
    features = jnp.concatenate([values, jnp.sin(angles), jnp.cos(angles)], -1)
    return features.reshape((*values.shape[:-2], -1))
