"""Minibatches, and splits of Tokens into training and validation parts."""

from typing import SupportsIndex, TypeVar

import jax
import numpy as np
from jaxtyping import Int

from tfmpe._base.arrays import AnyArray, PRNGKey, readable, take_rows
from tfmpe._base.keys import check_key
from tfmpe._base.static import static_int
from tfmpe.preprocessing.tokens.queries import TokenQueries

_Tokens = TypeVar("_Tokens", bound=TokenQueries)


def minibatches(
    tokens: _Tokens, size: SupportsIndex, key: PRNGKey | None = None
) -> _Tokens:
    """Cut samples into minibatches of equal size, for use in ``lax.scan``.

    Parameters
    ----------
    tokens : Tokens or TokenView
        The first sample axis is cut.
    size : int
        Samples in a minibatch.
    key : key array, optional
        Shuffles the samples first; by default they keep their order.

    Returns
    -------
    Tokens or TokenView
        With the sample shape ``(n_minibatches, size, ...)``. Samples that do
        not fill a minibatch are left out: the last ones, or with ``key``
        random ones.

    Raises
    ------
    ValueError
        If there are fewer samples than ``size``, or no sample axis.
    DynamicShapeError
        If ``size`` is a traced value.

    Notes
    -----
    Works under ``jit`` and ``vmap``; can also shuffle in a compiled loop.

    Examples
    --------
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree({"mu": np.arange(10.0).reshape(10, 1)}, {})
    >>> minibatches(tokens, 4, jax.random.key(0)).sample_shape
    (2, 4)
    """
    size = static_int(size, "size")
    n_samples = _n_samples(tokens)
    if not 1 <= size <= n_samples:
        raise ValueError(
            f"Cannot cut {n_samples} samples into minibatches of {size}. "
            "Use a size from 1 to the number of samples."
        )
    n = n_samples // size
    rows = _rows(n_samples, key)[: n * size]
    return take_rows(tokens, rows.reshape((n, size)))


def train_validation_split(
    tokens: _Tokens, fraction: float, key: PRNGKey | None = None
) -> tuple[_Tokens, _Tokens]:
    """Divide samples into a training and a validation part.

    Parameters
    ----------
    tokens : Tokens or TokenView
        The first sample axis is divided.
    fraction : float
        Fraction of the samples to train on, between 0 and 1; dimensionless.
    key : key array, optional
        Shuffles the samples; without it, the last ones are for validation.

    Returns
    -------
    train, validation : Tokens or TokenView
        Every sample is in one of them.

    Raises
    ------
    ValueError
        If one of the parts would be empty.

    Notes
    -----
    Works under ``jit`` if ``fraction`` is static. Legacy: ``split_data``,
    whose ``split`` is the same share.

    Examples
    --------
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree({"mu": np.arange(10.0).reshape(10, 1)}, {})
    >>> [part.sample_shape for part in train_validation_split(tokens, 0.8)]
    [(8,), (2,)]
    """
    n_samples = _n_samples(tokens)
    n_train = round(float(fraction) * n_samples)
    if not 0 < n_train < n_samples:
        raise ValueError(
            f"The fraction {fraction} of {n_samples} samples leaves "
            f"{n_train} to train on and {n_samples - n_train} to validate "
            "with; both must be at least 1."
        )
    rows = _rows(n_samples, key)
    return (
        take_rows(tokens, rows[:n_train]),
        take_rows(tokens, rows[n_train:]),
    )


def _n_samples(tokens: TokenQueries) -> int:
    if not tokens.sample_shape:
        raise ValueError("The tokens have no sample axis that could be cut.")
    return tokens.sample_shape[0]


def _rows(n_samples: int, key: PRNGKey | None) -> Int[AnyArray, " samples"]:
    if key is None:
        return np.arange(n_samples)
    check_key(key)
    return readable(jax.random.permutation(key, n_samples))
