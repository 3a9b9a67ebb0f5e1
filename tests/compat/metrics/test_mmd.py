"""Kernel test of legacy scripts, and its defects."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import estimators
from tfmpe.compat.defects import NanStatisticWarning
from tfmpe.compat.metrics.mmd import mmd_test

KEY = jax.random.key(0)


class _Normal:
    def sample(self, n, seed):
        return jax.random.normal(seed, (n, 2))


def _test(shift=0.0, n=10, **options):
    samples = jax.random.normal(jax.random.key(1), (n, 2)) + shift
    return mmd_test(samples, _Normal(), KEY, **{"n_permutations": 9, **options})


def test_it_is_the_test_of_the_core():
    found = _test(1.0)
    sample_key, key = jax.random.split(KEY)
    samples = jax.random.normal(jax.random.key(1), (10, 2)) + 1
    wanted = estimators.mmd_test(
        key, samples, _Normal().sample(10, sample_key), 9, bandwidth=1.0
    )
    assert list(found) == [
        "reject_null",
        "statistic",
        "critical_value",
        "p_value",
    ]
    np.testing.assert_allclose(found["statistic"], wanted.statistic, atol=1e-6)
    np.testing.assert_allclose(
        found["critical_value"],
        jnp.quantile(wanted.null_statistics, 0.95),
        atol=1e-6,
    )


def test_l42_p_value():
    assert _test(9.0)["p_value"] == 0
    assert float(_test(9.0, fix=["L42"])["p_value"]) == pytest.approx(0.1)


def test_l42_nan():
    with pytest.warns(NanStatisticWarning, match="the statistic is NaN"):
        found = _test(n=1)
    assert found["p_value"] == 0
    assert not found["reject_null"]
    assert jnp.isnan(_test(n=1, fix=["L42"])["p_value"])


def test_errors():
    with pytest.raises(TypeError, match="n_permutations is 0"):
        _test(n_permutations=0)
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(n, width"):
        mmd_test(np.zeros(3), _Normal(), KEY)
