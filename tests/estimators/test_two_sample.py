"""Two-sample tests: statistics, levels, power."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.estimators import classifier_test, mmd_test
from tfmpe.estimators._checks.two_sample import permutation_p_value

KEY = jax.random.key(0)


def _samples(shift=0.0, n=20, m=30):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(m, 2)) + shift
    return x.astype(np.float32), y.astype(np.float32)


def _plain_mmd(x, y, bandwidth):
    def mean(a, b, skip):
        return np.mean(
            [
                np.exp(-((p - q) ** 2).sum() / (2 * bandwidth**2))
                for i, p in enumerate(a)
                for j, q in enumerate(b)
                if not (skip and i == j)
            ]
        )

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


def test_statistic():
    x, y = _samples(0.5)
    found = mmd_test(KEY, x, y, n_permutations=99, bandwidth=0.7)
    np.testing.assert_allclose(
        found.statistic, _plain_mmd(x, y, 0.7), atol=1e-6
    )
    assert found.null_statistics.shape == (99,)


def test_bandwidth_is_the_median_distance():
    x, y = _samples()
    rows = np.concatenate([x, y])
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    median = float(np.median(distances[np.triu_indices(len(rows), 1)]))
    found = mmd_test(KEY, x, y, n_permutations=99)
    wanted = mmd_test(KEY, x, y, n_permutations=99, bandwidth=median)
    np.testing.assert_allclose(found.statistic, wanted.statistic, atol=1e-6)


def test_samples_that_differ_have_the_smallest_p_value():
    found = mmd_test(KEY, *_samples(3.0), n_permutations=99)
    assert float(found.p_value) == pytest.approx(1 / 100)


def test_nothing_is_compiled_twice():
    from tfmpe.estimators._checks.two_sample import mmd_squared

    mmd_test(KEY, *_samples(), n_permutations=99)
    n = mmd_squared.cache_info().misses
    mmd_test(jax.random.key(1), *_samples(1.0), n_permutations=99)
    assert mmd_squared.cache_info().misses == n


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros((3, 1))}, r"shapes \(20, 2\) and \(3, 1\)"),
        ({"x": np.zeros(20)}, r"shapes \(20,\) and \(30, 2\)"),
        ({"x": np.zeros((1, 2))}, "of a sample is 1, expected at least 2"),
        ({"n_permutations": 0}, "n_permutations is 0, expected at least 1"),
        ({"x": np.array([[0, np.nan]] * 3)}, "x has 3 of 6 values that are N"),
        ({"y": np.array([[0, np.inf]] * 3)}, "y has 3 of 6 values that are N"),
        ({"x": _samples()[0].astype(float) + 1e12}, "^x has values between"),
    ],
)
def test_errors(change, message):
    x, y = _samples()
    with pytest.raises(ValueError, match=message):
        mmd_test(**{"key": KEY, "x": x, "y": y, **change})


@pytest.mark.parametrize(
    ("factor", "offset"), [(1e25, 0), (1e-25, 0), (1, 1e4)]
)
def test_the_unit_and_the_origin_do_not_matter(factor, offset):
    wanted = mmd_test(KEY, *_samples(0.5), n_permutations=99)
    moved = [each * np.float32(factor) + offset for each in _samples(0.5)]
    found = mmd_test(KEY, *moved, n_permutations=99)
    np.testing.assert_allclose(found.statistic, wanted.statistic, atol=5e-3)
    assert float(found.p_value) == pytest.approx(
        float(wanted.p_value), abs=0.02
    )


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_discrete_samples(share):
    """Most rows are equal, so the median of all distances is zero."""
    rng = np.random.default_rng(1)
    x, y = (rng.random((2, 200, 1)) < share).astype(np.int32)
    assert float(mmd_test(KEY, x, y, n_permutations=99).p_value) > 0.05
    other = mmd_test(KEY, x, x + 1, n_permutations=99)
    assert float(other.p_value) == pytest.approx(0.01)


def test_ties_count_in_full():
    """All divisions have the statistic 0, exactly or up to rounding."""
    x = np.full((200, 1), 0.1, np.float32)
    assert float(mmd_test(KEY, x, x, n_permutations=99).p_value) == 1.0
    x = np.repeat(np.float32([[0.1], [0.7]]), 2, 0)
    found = mmd_test(KEY, x, x, n_permutations=99)
    assert float(found.p_value) == 1.0


@pytest.mark.parametrize("probability", [0.1, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("n", [50, 101])
def test_classifiers_that_learnt_nothing(n, probability):
    found = classifier_test(
        np.full(n, probability), np.full((n, 99), probability)
    )
    assert float(found.p_value) == 1.0


def test_classifiers():
    null = jnp.full((4, 3), 0.5)
    found = classifier_test(jnp.array([0.0, 1.0, 0.5, 0.5]), null)
    assert float(found.statistic) == 0.125
    assert found.null_statistics.tolist() == [0.0] * 3
    assert float(found.p_value) == 0.25
    found = classifier_test(null[:, 0], null)
    assert float(found.p_value) == 1.0
    with pytest.raises(ValueError, match="expected the same points"):
        classifier_test(null[:2, 0], null)


@pytest.mark.parametrize(
    ("probabilities", "null", "message"),
    [
        ([0.1, np.nan], [[0.5]] * 2, "probabilities has 1 of 2 values"),
        ([0.1, 0.9], [[0.5], [np.inf]], "null_probabilities has 1 of 2"),
        ([-1.0, 3.0], [[0.5]] * 2, "from -1 to 3, expected 0 to 1. Convert"),
        ([], np.zeros((0, 3)), r"shape \(0,\), expected \(n,\)"),
        ([0.5], np.zeros((1, 0)), r"shape \(1, 0\), expected \(n, n_null\)"),
    ],
)
def test_no_verdict_from_no_probabilities(probabilities, null, message):
    with pytest.raises(ValueError, match=message):
        classifier_test(np.array(probabilities), np.array(null))


def test_nan_is_not_a_p_value():
    known = jnp.arange(3.0)
    assert jnp.isnan(permutation_p_value(jnp.array(jnp.nan), known))
    assert jnp.isnan(permutation_p_value(known[0], known.at[0].set(jnp.nan)))
