"""Functional inputs of tokens: which entries are used, and their moments."""

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe._base.arrays import to_rank
from tfmpe.nn._types import AnyArray, AnyView, Padding
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing.tokens.finite import check_inputs


def input_counts(layout: TokenLayout) -> Int[np.ndarray, " tokens"]:
    """Return the number of functional inputs of every token."""
    return np.repeat(
        np.array([key.n_inputs or 0 for key in layout.keys], int),
        [key.n_tokens for key in layout.keys],
    )


def real_inputs(
    layout: TokenLayout, padding: Padding, n_inputs: int
) -> Bool[AnyArray, "*sample tokens {n_inputs}"]:
    """Return where inputs are neither padding nor missing."""
    real = np.arange(n_inputs) < input_counts(layout)[:, None]
    if padding is None:
        return real
    return to_rank(real, padding.ndim + 1) & padding[..., None]


def input_moments(
    tokens: AnyView, n_inputs: int
) -> tuple[Float[np.ndarray, " {n_inputs}"], Float[np.ndarray, " {n_inputs}"]]:
    """Return mean and standard deviation of every functional input.

    The moments are taken over all keys: the i-th input of every key is
    assumed to be the same quantity, such as a time. The mean is 0 and the
    scale 1 without inputs; the scale is also 1 where all values are equal.
    """
    check_inputs(tokens)
    mean, scale = np.zeros(n_inputs), np.ones(n_inputs)
    # In host memory, also for tokens that a compiled function closes over.
    given, padding = jax.device_get((tokens.functional_inputs, tokens.padding))
    if given is not None:
        real = real_inputs(tokens.layout, padding, given.shape[-1])
        real = np.broadcast_to(real, given.shape)
        for i in range(min(n_inputs, given.shape[-1])):
            values = given[..., i][real[..., i]].astype(np.float64)
            if len(values):
                mean[i] = values.mean()
                scale[i] = values.std() if np.ptp(values) > 0 else 1.0
    return mean.astype(np.float32), scale.astype(np.float32)
