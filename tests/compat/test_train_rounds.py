"""Rounds of training: sources of draws, log messages."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat.defects import RepeatedRoundsWarning
from tfmpe.compat.defects.l36_repeated_rounds import round_noise
from tfmpe.compat.train_rounds import train_fmpe_rounds

KEY = jax.random.key(0)


class _Estimator:
    """An estimator that records its arguments."""

    def __init__(self):
        self.rows, self.starts = [], []

    def sample_posterior(self, context, theta_shape, n_samples, theta_0):
        assert context.shape == (1, 3)
        self.starts.append(theta_0)
        return jnp.zeros((n_samples, *theta_shape))

    def fit(self, train, val, optimizer, n_iter, batch_size):
        self.rows.append((len(train["data"]["theta"]), len(val["data"]["y"])))
        return jnp.ones(n_iter), jnp.ones(n_iter)


def _train(n_rounds, **options):
    estimator = _Estimator()
    found = train_fmpe_rounds(
        KEY,
        estimator,
        lambda key, n: jax.random.normal(key, (n, 2)),
        lambda key, theta: jnp.zeros((len(theta), 3)),
        jnp.ones(3),
        (2,),
        n_rounds,
        10,
        1,
        **options,
    )
    assert found is estimator
    return estimator


def test_rows_are_kept_and_rounds_logged(caplog):
    caplog.set_level(logging.INFO, "tfmpe.compat.train_rounds")
    assert _train(2).rows == [(8, 2), (16, 4)]
    assert [record.getMessage()[:12] for record in caplog.records] == [
        "round 1 of 2",
        "round 2 of 2",
    ]
    assert _train(0).rows == []


def test_l36_noise():
    """It comes from the estimator or, fixed, is new in every round."""
    with pytest.warns(RepeatedRoundsWarning, match="all of the 3 rounds but"):
        assert _train(3).starts == [None, None]
    first, second = _train(3, fix=["L36"]).starts
    assert first.shape == (10, 2)
    assert not np.array_equal(first, second)
    assert round_noise(KEY, (2,), ()) == (None, KEY)
