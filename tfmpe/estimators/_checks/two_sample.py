"""Two-sample tests: maximum mean discrepancy, and classifier scores."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, Int

from tfmpe._base.arrays import as_array, common_dtype, moves_arrays
from tfmpe._base.keys import takes_key
from tfmpe._base.narrowing import check_fits
from tfmpe._base.programs import compiled
from tfmpe._base.static import positive
from tfmpe.estimators._types import PRNGKey


class TwoSampleTest(NamedTuple):
    """Result of a two-sample test.

    Attributes
    ----------
    statistic
        Large if the samples differ.
    null_statistics
        Statistics under the null hypothesis that the distributions are equal.
    p_value
        At least ``1 / (n_null + 1)``.
    """

    statistic: Float[Array, ""]
    null_statistics: Float[Array, " n_null"]
    p_value: Float[Array, ""]


@moves_arrays
@takes_key
def mmd_test(
    key: PRNGKey,
    x: ArrayLike,
    y: ArrayLike,
    n_permutations: int = 1000,
    bandwidth: float | None = None,
) -> TwoSampleTest:
    """Test with a kernel whether two samples have the same distribution.

    Parameters
    ----------
    key
        PRNG key for the permutations.
    x, y : array, shape (n, width) and (m, width)
        The samples, at least two rows each.
    n_permutations
        Number of random permutations of all rows, for the null distribution.
    bandwidth
        Width of the Gaussian kernel, in the unit of the samples; by default
        the median distance between unequal rows of both samples.

    Returns
    -------
    TwoSampleTest
        The statistic is the unbiased squared maximum mean discrepancy, which
        may be negative.

    Raises
    ------
    TypeError, ValueError
        If a sample is not numeric, the shapes do not fit, a value is not
        finite, or ``n_permutations`` is below 1.

    Notes
    -----
    Stores a matrix of all pairs of rows. Works under ``jit`` if
    ``n_permutations`` is static; NaN in traced samples makes the p-value NaN.

    Source: Gretton et al., 2012. Legacy: ``metrics.mmd.mmd_test``.

    Examples
    --------
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 50, 3))
    >>> test = mmd_test(jax.random.key(1), x, y + 1, n_permutations=99)
    >>> round(float(test.p_value), 3)
    0.01
    """
    x, y = _floats(x, "x"), _floats(y, "y")
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"The samples have shapes {x.shape} and {y.shape}, expected "
            "(n, width) and (m, width)."
        )
    for sample in (x, y):
        positive(len(sample), "The number of rows of a sample", 2)
    n_permutations = positive(n_permutations, "n_permutations")
    rows = jnp.concatenate([x, y])
    # Squares of very large or small values overflow or underflow.
    extent = jnp.abs(rows).max(initial=0)
    extent = jnp.where(extent > 0, extent, 1)
    rows = rows / extent
    width = _median_distance(rows) if bandwidth is None else bandwidth / extent
    kernel = gaussian_kernel(rows, rows, width)
    orders = random_orders(key, n_permutations, len(rows))
    statistic = mmd_squared(kernel, len(x), jnp.arange(len(rows))[None])[0]
    null = mmd_squared(kernel, len(x), orders)
    # For discrete samples, many statistics are equal up to rounding.
    rounded = statistic - 8 * jnp.finfo(kernel.dtype).eps
    return TwoSampleTest(statistic, null, permutation_p_value(rounded, null))


@moves_arrays
def classifier_test(
    probabilities: ArrayLike, null_probabilities: ArrayLike
) -> TwoSampleTest:
    """Test whether a classifier distinguishes two samples.

    Parameters
    ----------
    probabilities : array, shape (n,)
        Estimated probabilities of the second sample at ``n`` points.
    null_probabilities : array, shape (n, n_null)
        Probabilities at the same points, from classifiers trained on samples
        that do not differ, for example because their labels were permuted.

    Returns
    -------
    TwoSampleTest
        The statistic is the mean of ``(probability - 1/2)**2``.

    Raises
    ------
    ValueError
        If there is no point or no null distribution, the numbers of points
        differ, or a number is not between 0 and 1.

    Notes
    -----
    If all points belong to one observation, this is the local classifier
    two-sample test (l-C2ST) of Linhart et al., 2023. Works under ``jit`` and
    ``vmap``, where NaN makes the p-value NaN. Legacy:
    ``metrics.lc2st.evaluate_lc2st``.

    Examples
    --------
    >>> test = classifier_test(jnp.ones(2), jnp.full((2, 3), 0.5))
    >>> float(test.statistic), float(test.p_value)
    (0.25, 0.25)
    """
    probabilities = _probabilities(probabilities, "probabilities", 1)
    null_probabilities = _probabilities(
        null_probabilities, "null_probabilities", 2
    )
    if len(probabilities) != len(null_probabilities):
        raise ValueError(
            f"probabilities has {len(probabilities)} points, but "
            f"null_probabilities has {len(null_probabilities)}; expected "
            "the same points in both."
        )
    statistic = classifier_score(probabilities)
    null = classifier_score(null_probabilities)
    # Sums over arrays of one and of two axes are rounded differently.
    rounded = statistic * (1 - 32 * jnp.finfo(statistic.dtype).eps)
    return TwoSampleTest(statistic, null, permutation_p_value(rounded, null))


def classifier_score(
    probabilities: Float[Array, " n *null"],
) -> Float[Array, "*null"]:
    """Return the mean of ``(probability - 1/2)**2`` over the first axis."""
    return ((probabilities - 0.5) ** 2).mean(0)


def permutation_p_value(
    statistic: Float[Array, ""], null_statistics: Float[Array, " n_null"]
) -> Float[Array, ""]:
    """Return the fraction of null statistics at or above a statistic.

    The statistic itself is counted as a null statistic, so that the test keeps
    its level (Phipson and Smyth, 2010).
    """
    n_larger = (null_statistics >= statistic).sum()
    p_value = (n_larger + 1) / (null_statistics.size + 1)
    known = ~(jnp.isnan(statistic) | jnp.isnan(null_statistics).any())
    return jnp.where(known, p_value, jnp.nan)


def gaussian_kernel(
    x: Float[Array, "n width"], y: Float[Array, "m width"], bandwidth: ArrayLike
) -> Float[Array, "n m"]:
    """Return ``exp(-|x - y|**2 / (2 bandwidth**2))`` for all pairs of rows."""
    return jnp.exp(-_squared_distances(x, y) / (2 * bandwidth**2))


def _squared_distances(
    x: Float[Array, "n width"], y: Float[Array, "m width"]
) -> Float[Array, "n m"]:
    # Not by products of rows, which lose precision far from zero.
    return ((x[:, None] - y[None]) ** 2).sum(-1)


@compiled()
def _median_distance(rows: Float[Array, "n width"]) -> Float[Array, ""]:
    """Return the median distance of rows that differ; 1 if none do."""
    squared = _squared_distances(rows, rows)
    median = jnp.nanmedian(jnp.where(squared > 0, squared, jnp.nan)) ** 0.5
    return jnp.where((squared > 0).any(), median, 1)


def _floats(values: ArrayLike, what: str) -> Float[Array, "..."]:
    """Return finite floats as a JAX array; traced values are not checked."""
    array = as_array(values, what)
    dtype = common_dtype([array, np.float32(0)])
    check_fits(array, dtype, what)
    if not isinstance(array, Tracer):
        n_wrong = np.sum(~np.isfinite(np.asarray(array)))
        if n_wrong:
            raise ValueError(
                f"{what} has {n_wrong} of {array.size} values that are NaN or "
                "infinite. A test needs finite numbers."
            )
    return jnp.asarray(array, dtype)


def _probabilities(
    values: ArrayLike, what: str, n_axes: int
) -> Float[Array, "..."]:
    array = _floats(values, what)
    if array.ndim != n_axes or not array.size:
        axes = ("(n,)", "(n, n_null)")[n_axes - 1]
        raise ValueError(
            f"{what} has shape {array.shape}, expected {axes} without an "
            "empty axis."
        )
    if not isinstance(array, Tracer) and (array.min() < 0 or array.max() > 1):
        raise ValueError(
            f"{what} are from {array.min():.3g} to {array.max():.3g}, expected "
            "0 to 1. Convert logits to probabilities with jax.nn.sigmoid."
        )
    return array


def random_orders(
    key: PRNGKey, n_orders: int, n: int
) -> Int[Array, "n_orders n"]:
    """Return permutations of ``n`` rows."""
    keys = jax.random.split(key, n_orders)
    return jax.vmap(lambda key: jax.random.permutation(key, n))(keys)


@compiled()
def mmd_squared(
    kernel: Float[Array, "n_rows n_rows"],
    n: ArrayLike,
    orders: Int[Array, "n_orders n_rows"],
) -> Float[Array, " n_orders"]:
    """Return the unbiased statistic for each order of the rows.

    The first ``n`` rows of an order are one sample, the rest the other. The
    sums over blocks of the matrix are products with indicators of the two
    samples, so that all orders are computed at once.
    """
    first = (jnp.argsort(orders, axis=1) < n).astype(kernel.dtype)
    second = 1 - first
    n_first, n_second = first[0].sum(), second[0].sum()
    pairs = kernel - jnp.diag(jnp.diag(kernel))

    def between(
        one: Float[Array, "n_orders n_rows"],
        other: Float[Array, "n_orders n_rows"],
    ) -> Float[Array, " n_orders"]:
        return ((one @ pairs) * other).sum(1)

    return (
        between(first, first) / (n_first * (n_first - 1))
        + between(second, second) / (n_second * (n_second - 1))
        - 2 * between(first, second) / (n_first * n_second)
    )
