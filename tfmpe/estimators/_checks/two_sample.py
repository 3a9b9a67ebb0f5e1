"""Two-sample tests: maximum mean discrepancy, and scores of a classifier."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from tfmpe.preprocessing._arrays import moves_arrays


class TwoSampleTest(NamedTuple):
    """Result of a two-sample test.

    Attributes
    ----------
    statistic : Array, shape ()
        Large if the samples differ.
    null_statistics : Array, shape (n_null,)
        What it would be if they did not.
    p_value : Array, shape ()
        At least ``1 / (n_null + 1)``; NaN where the statistic is.
    """

    statistic: Float[Array, ""]
    null_statistics: Float[Array, " n_null"]
    p_value: Float[Array, ""]


@moves_arrays
def mmd_test(
    key: Any,
    x: Any,
    y: Any,
    n_permutations: int = 1000,
    bandwidth: float | None = None,
) -> TwoSampleTest:
    """Test whether two samples are from one distribution, by their kernel.

    Parameters
    ----------
    key : key array
        For the permutations.
    x, y : array, shape (n, width) and (m, width)
        The samples, at least two rows each.
    n_permutations : int
        Random divisions of all rows, for the null distribution.
    bandwidth : float, optional
        Width of the Gaussian kernel, in the unit of the samples; by default
        the median distance between rows of both.

    Returns
    -------
    TwoSampleTest
        The statistic is the unbiased squared maximum mean discrepancy, which
        may be negative.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a number is not positive.

    Notes
    -----
    Holds a matrix of all pairs of rows, and works under ``jit`` with static
    numbers. Source: Gretton et al., 2012. Legacy: ``metrics.mmd.mmd_test``.

    Examples
    --------
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 50, 3))
    >>> test = mmd_test(jax.random.key(1), x, y + 1, n_permutations=99)
    >>> round(float(test.p_value), 3)
    0.01
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"The samples have shapes {x.shape} and {y.shape}, expected "
            "(n, width) and (m, width)."
        )
    if min(len(x), len(y)) < 2:
        raise ValueError(
            f"The samples have {len(x)} and {len(y)} rows, expected at least "
            "2 each."
        )
    if n_permutations < 1:
        raise ValueError(
            f"n_permutations is {n_permutations}, expected at least 1."
        )
    rows = jnp.concatenate([x, y])
    if bandwidth is None:
        pairs = jnp.triu_indices(len(rows), 1)
        median = jnp.median(_squared_distances(rows, rows)[pairs]) ** 0.5
        kernel = gaussian_kernel(rows, rows, median)
    elif bandwidth > 0:
        kernel = gaussian_kernel(rows, rows, bandwidth)
    else:
        raise ValueError(f"bandwidth is {bandwidth}, expected more than 0.")
    orders = random_orders(key, n_permutations, len(rows))
    statistic = mmd_squared(kernel, len(x), jnp.arange(len(rows))[None])[0]
    null = mmd_squared(kernel, len(x), orders)
    return TwoSampleTest(statistic, null, permutation_p_value(statistic, null))


@moves_arrays
def classifier_test(
    probabilities: Any, null_probabilities: Any
) -> TwoSampleTest:
    """Test whether a classifier can tell two samples apart.

    Parameters
    ----------
    probabilities : array, shape (n,)
        Of the second sample, as the classifier estimates them at ``n``
        points.
    null_probabilities : array, shape (n, n_null)
        At the same points, of classifiers that were trained where there is
        nothing to be told apart, such as on permuted labels.

    Returns
    -------
    TwoSampleTest
        The statistic is the mean of ``(probability - 1/2)**2``.

    Raises
    ------
    ValueError
        If the numbers of points differ.

    Notes
    -----
    At points of one observation this is the local classifier two-sample test
    (l-C2ST) of Linhart et al., 2023. Works under ``jit`` and ``vmap``.
    Legacy: ``metrics.lc2st.evaluate_lc2st``.

    Examples
    --------
    >>> test = classifier_test(jnp.ones(2), jnp.full((2, 3), 0.5))
    >>> float(test.statistic), float(test.p_value)
    (0.25, 0.25)
    """
    probabilities = jnp.asarray(probabilities)
    null_probabilities = jnp.asarray(null_probabilities)
    if len(probabilities) != len(null_probabilities):
        raise ValueError(
            f"There are {len(probabilities)} probabilities, but "
            f"{len(null_probabilities)} under the null hypothesis; expected "
            "the same points."
        )
    statistic = classifier_score(probabilities)
    null = classifier_score(null_probabilities)
    return TwoSampleTest(statistic, null, permutation_p_value(statistic, null))


def classifier_score(
    probabilities: Float[Array, " n *null"],
) -> Float[Array, "*null"]:
    """Return the mean of ``(probability - 1/2)**2`` over the first axis."""
    return ((probabilities - 0.5) ** 2).mean(0)


def permutation_p_value(
    statistic: Float[Array, ""], null_statistics: Float[Array, " n_null"]
) -> Float[Array, ""]:
    """Return how often a statistic is as large under the null hypothesis.

    Notes
    -----
    The data count as one of its draws, so that the test keeps its level
    (Phipson and Smyth, 2010).
    """
    n_larger = (null_statistics >= statistic).sum()
    p_value = (n_larger + 1) / (null_statistics.size + 1)
    known = ~(jnp.isnan(statistic) | jnp.isnan(null_statistics).any())
    return jnp.where(known, p_value, jnp.nan)


def gaussian_kernel(
    x: Float[Array, "n width"], y: Float[Array, "m width"], bandwidth: Any
) -> Float[Array, "n m"]:
    """Return ``exp(-|x - y|**2 / (2 bandwidth**2))`` for all pairs of rows."""
    return jnp.exp(-_squared_distances(x, y) / (2 * bandwidth**2))


def _squared_distances(x: Any, y: Any) -> Any:
    return (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T


def random_orders(key: Any, n_orders: int, n: int) -> Int[Array, "n_orders n"]:
    """Return permutations of ``n`` rows."""
    keys = jax.random.split(key, n_orders)
    return jax.vmap(lambda key: jax.random.permutation(key, n))(keys)


@jax.jit
def mmd_squared(
    kernel: Float[Array, "n_rows n_rows"],
    n: Any,
    orders: Int[Array, "n_orders n_rows"],
) -> Float[Array, " n_orders"]:
    """Return the unbiased statistic, the rows being taken in some orders.

    Parameters
    ----------
    kernel : Array
        Of all rows with one another.
    n : int
        The first ``n`` rows of an order are one sample, the rest the other.
    orders : Array

    Notes
    -----
    All orders at once: the sums over blocks of the matrix are products with
    indicators of the two samples.
    """
    first = (jnp.argsort(orders, axis=1) < n).astype(kernel.dtype)
    second = 1 - first
    n, m = first[0].sum(), second[0].sum()
    pairs = kernel - jnp.diag(jnp.diag(kernel))

    def between(one: Any, other: Any) -> Any:
        return ((one @ pairs) * other).sum(1)

    return (
        between(first, first) / (n * (n - 1))
        + between(second, second) / (m * (m - 1))
        - 2 * between(first, second) / (n * m)
    )
