"""The warning of an estimator that is used for other sizes than in training."""

import warnings

import jax
import numpy as np
import pytest

from estimators.test_memory import KEY, OPTIONS, Shift, prior, simulator
from preprocessing.simulations import RULES
from tfmpe import concatenate_tokens
from tfmpe.estimators import (
    FlowMatchingEstimator,
    HierarchicalEstimator,
    SizeWarning,
)
from tfmpe.models import Model


def log_density(values, given):
    mu, theta, obs = values["mu"], values["theta"], given["obs"]
    squares = {"mu": mu, "theta": theta - mu, "obs": obs - theta}
    return {name: -(x[..., 0] ** 2) for name, x in squares.items()}


MODEL = Model(prior, simulator, independence=RULES, log_density_fn=log_density)


def zeros(n):
    return {"obs": np.zeros((n, 1), np.float32)}


def trained(data, **options):
    estimator = FlowMatchingEstimator(Shift())
    estimator.fit(data, key=KEY, **OPTIONS, **options)
    return estimator


def simulations(n_obs, n=16):
    tokens = MODEL.condition(zeros(n_obs))
    return jax.tree.map(
        lambda leaf: np.zeros((n, *leaf.shape), leaf.dtype), tokens
    )


def check_sizes(estimator, known, others):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in known:
            estimator.sample(zeros(n), key=KEY)
    for n in others:
        with pytest.warns(SizeWarning, match=rf"{n} of 'obs'"):
            estimator.sample(zeros(n), key=KEY)


def test_other_sizes_than_in_training_warn(tmp_path):
    estimator = trained(MODEL, n_simulations=16)
    check_sizes(estimator, [3], [2, 4])
    draws = estimator.sample(zeros(3), key=KEY, n_samples=2)
    with pytest.warns(SizeWarning, match="4 of 'obs', 3 in training; 4 of 'th"):
        estimator.log_prob(MODEL.condition(zeros(4)))
    assert estimator.log_prob(zeros(3), values=draws).shape == (2,)
    path = tmp_path / "estimator.safetensors"
    estimator.save(path)
    check_sizes(FlowMatchingEstimator.load(path, Shift()), [3], [4])


def test_a_range_of_sizes_is_known_from_padding_and_from_batches():
    small, large = simulations(2), simulations(5)
    target = {"target_keys": ["mu", "theta"]}
    joined = trained(concatenate_tokens(small, large), **target)
    check_sizes(joined, [2, 4, 5], [1, 6])
    check_sizes(trained([small, large], **target), [2, 4, 5], [1, 6])


def test_corrected_draws_and_hierarchical_estimators_do_not_warn():
    """The density corrects draws, and groups are added up one by one."""
    estimator = trained(MODEL, n_simulations=64)
    estimator.corrected(zeros(4), key=KEY, n_samples=400)
    groups = HierarchicalEstimator(["mu"])
    groups.fit(MODEL, n_simulations=16, key=KEY, **OPTIONS)
    assert groups.sample(zeros(7), key=KEY)["theta"].shape == (1, 7, 1)
