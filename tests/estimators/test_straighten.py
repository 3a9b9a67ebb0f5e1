"""Straightened flows: few steps lead to the same draws."""

import jax
import numpy as np
import pytest

from estimators.known_flows import (
    KEY,
    Affine,
    linear,
    make_tokens,
    normal,
    spoil_padding,
    train,
)
from tfmpe.estimators import FlowMatchingEstimator
from tfmpe.preprocessing.tokens.views import detach

TARGET, GIVEN = ["site", "mu"], ["obs"]
# The velocity rises with time from -1 to 2, so one step misses the end by 1.5.
CURVED = (0.0, 0.5, 3.0, -1.0)
STRAIGHT = (0.0, 0.5, 0.0, 0.5)
OPTIONS = {"key": KEY, "n_epochs": 150, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def tokens():
    return make_tokens(10)


def draw(estimator, tokens, **options):
    noise = normal(3, *detach(tokens, TARGET).data.shape)
    draws = estimator.sample(
        tokens, TARGET, GIVEN, key=None, theta_0=noise, n_samples=3, **options
    )
    return np.asarray(draws.data)


def test_one_step_ends_where_the_curved_path_ends(tokens):
    estimator = FlowMatchingEstimator(Affine(*CURVED), standardize=False)
    fast = estimator.straightened(tokens, TARGET, GIVEN, **OPTIONS)
    np.testing.assert_allclose(fast.vector_field.weights, STRAIGHT, atol=0.01)
    np.testing.assert_array_equal(estimator.vector_field.weights, CURVED)
    ends = draw(estimator, tokens)
    one_step = {"solver": "euler", "n_steps": 1}
    np.testing.assert_allclose(
        draw(fast, tokens, **one_step), ends, atol=0.05, rtol=1e-6
    )
    assert abs(draw(estimator, tokens, **one_step) - ends).max() > 1


def test_target_values_and_padding_are_ignored(tokens):
    options = {**OPTIONS, "n_epochs": 2, "batch_size": 4}
    estimator, _ = train(tokens, n_epochs=1)
    other = spoil_padding(
        tokens.with_values(mu=np.full((10, 1, 1), 7, np.float32)), 1e6
    )
    fast, same = (
        estimator.straightened(each, TARGET, GIVEN, **options)
        for each in (tokens, other)
    )
    np.testing.assert_array_equal(
        fast.vector_field.weights, same.vector_field.weights
    )
    assert fast.standardizer is estimator.standardizer
    changed = fast.vector_field.weights != estimator.vector_field.weights
    assert changed.any()


def test_errors(tokens):
    estimator, _ = train(tokens, n_epochs=1)
    with pytest.raises(ValueError, match="learning_rate is -1"):
        estimator.straightened(
            tokens, TARGET, GIVEN, key=KEY, learning_rate=-1.0
        )
    one = jax.tree.map(lambda leaf: leaf[0], tokens)
    with pytest.raises(ValueError, match="no simulation to learn from"):
        estimator.straightened(one, TARGET, GIVEN, key=KEY)
    fixed = FlowMatchingEstimator(linear, standardize=False)
    with pytest.raises(ValueError, match="function has no parameters to train"):
        fixed.straightened(tokens, TARGET, GIVEN, key=KEY)
