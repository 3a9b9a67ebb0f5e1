"""Which functional inputs are real, and how large they are."""

from typing import Any

import jax
import numpy as np

from tfmpe._base.arrays import to_rank
from tfmpe.preprocessing.tokens.known import check_inputs


def input_counts(layout: Any) -> np.ndarray:
    """Return the number of functional inputs of every token."""
    return np.repeat(
        np.array([key.n_inputs or 0 for key in layout.keys], int),
        [key.n_tokens for key in layout.keys],
    )


def real_inputs(layout: Any, padding: Any, n_inputs: int) -> Any:
    """Return where inputs are neither padding nor missing.

    Parameters
    ----------
    layout : TokenLayout
    padding : array of bool, shape (*sample, n_tokens), or None
    n_inputs : int
        How many a token has at most.

    Returns
    -------
    array of bool, shape (n_tokens, n_inputs) or, with padding,
    (*sample, n_tokens, n_inputs)
    """
    real = np.arange(n_inputs) < input_counts(layout)[:, None]
    if padding is None:
        return real
    padding = padding[..., None]
    return to_rank(real, padding.ndim) & padding


def input_moments(tokens: Any, n_inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of every functional input.

    Over all keys: the i-th input of one key is taken for the same quantity
    as that of another, as times are, so that equal ones stay equal.

    Parameters
    ----------
    tokens : Tokens or TokenView
        Not traced.
    n_inputs : int
        How many a token has at most.

    Returns
    -------
    mean, scale : ndarray of float32, shape (n_inputs,)
        0 and 1 where there are none, or no functional inputs at all; scale
        is 1 where they are all equal.

    Raises
    ------
    ValueError
        If some are NaN or infinite; names the keys.
    """
    check_inputs(tokens)
    mean, scale = np.zeros(n_inputs), np.ones(n_inputs)
    # On the host, also for tokens that a function to compile closes over.
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
