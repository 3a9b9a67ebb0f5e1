"""Mirror of the legacy module ``sfmpe.metrics.mmd`` (extra ``flow``)."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tfmpe.compat.defects.l42_p_value import p_value
from tfmpe.compat.fixes import read_fixes
from tfmpe.estimators._checks.two_sample import (
    gaussian_kernel,
    mmd_squared,
    random_orders,
)

_Rows = Float[Array | np.ndarray, "_n _width"]


def mmd_test(
    empirical_samples: Any,
    reference_distribution: Any,
    rng_key: Any,
    n_permutations: int = 1000,
    threshold: float = 0.05,
    bandwidth: float = 1.0,
    *,
    fix: Iterable[str] | None = None,
) -> dict[str, Array]:
    """Test with a kernel whether samples are from a distribution.

    Parameters
    ----------
    empirical_samples : array, shape (n, width)
    reference_distribution : object with ``sample(n, seed=key)``
        ``sample`` returns an array of the same shape.
    rng_key : key array
    n_permutations : int
        Number of random divisions of all rows, for the null distribution.
    threshold : float
        Level of the test, 0 to 1.
    bandwidth : float
        Width of the Gaussian kernel, in the unit of the samples.
    fix : iterable of str, optional
        Defects to turn off: L42 applies here.

    Returns
    -------
    dict of Array, shape ()
        ``reject_null``; ``statistic``, the unbiased squared maximum mean
        discrepancy; ``critical_value``, above which the test rejects;
        ``p_value``, the fraction of null statistics that are at least as large,
        which can be 0, and is 0 if the statistic is NaN (L42).

    Raises
    ------
    TypeError
        If the widths differ, or there is no permutation.
    ValueError
        If the samples do not have two axes.

    Notes
    -----
    Legacy: ``sfmpe.metrics.mmd.mmd_test``. On the new core:
    ``tfmpe.estimators.mmd_test``.
    """
    sample_key, permutation_key = jax.random.split(rng_key)
    samples = jnp.asarray(empirical_samples)
    if samples.ndim != 2:
        raise ValueError(
            f"The samples have shape {samples.shape}, expected (n, width)."
        )
    if n_permutations < 1:
        raise TypeError(
            f"n_permutations is {n_permutations}, expected at least 1: there "
            "is no quantile of an empty null distribution."
        )
    reference = reference_distribution.sample(len(samples), seed=sample_key)
    statistic = _mmd_statistic(samples, reference, bandwidth)
    null = _permutation_test(
        samples, reference, n_permutations, bandwidth, permutation_key
    )
    critical_value = jnp.quantile(null, 1 - threshold)
    return {
        "reject_null": statistic > critical_value,
        "statistic": statistic,
        "critical_value": critical_value,
        "p_value": p_value(statistic, null, read_fixes(fix)),
    }


def _gaussian_kernel(x: _Rows, y: _Rows, bandwidth: float) -> Array:
    """Return the kernel of all pairs of rows, shape ``(n, m)``."""
    return gaussian_kernel(jnp.asarray(x), jnp.asarray(y), bandwidth)


def _mmd_statistic(X: _Rows, Y: _Rows, bandwidth: float) -> Array:
    """Return the unbiased squared maximum mean discrepancy."""
    rows = jnp.concatenate([X, Y])
    order = jnp.arange(len(rows))[None]
    return mmd_squared(gaussian_kernel(rows, rows, bandwidth), len(X), order)[0]


def _permutation_test(
    X: _Rows, Y: _Rows, n_permutations: int, bandwidth: float, rng_key: Any
) -> Array:
    """Return the statistic for random divisions of all rows."""
    rows = jnp.concatenate([X, Y])
    orders = random_orders(rng_key, n_permutations, len(rows))
    return mmd_squared(gaussian_kernel(rows, rows, bandwidth), len(X), orders)
