"""Numbers as waves of several frequencies."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import to_rank


def fourier_features(values: Any, n_frequencies: int) -> Any:
    """Return sines and cosines of values at doubling frequencies.

    Parameters
    ----------
    values : Array, shape (*shape, n)
        Of a scale of about 1; larger ones are seen through the lowest
        frequencies.
    n_frequencies : int
        The lowest has a period of 16, each next one half of that.

    Returns
    -------
    Array, shape (*shape, n * (2 * n_frequencies + 1))
        The values themselves, then the waves.

    Notes
    -----
    Works under ``jit``. Source: Tancik et al., 2020, with fixed frequencies.
    """
    frequencies = np.pi / 8 * 2.0 ** np.arange(n_frequencies)
    values = values[..., None]
    frequencies = to_rank(frequencies.astype(np.float32), values.ndim)
    angles = values * frequencies
    features = jnp.concatenate([values, jnp.sin(angles), jnp.cos(angles)], -1)
    return features.reshape((*values.shape[:-2], -1))
