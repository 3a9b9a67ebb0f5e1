"""Warnings of data and keys that an estimator was not trained for."""

import warnings

import jax
import numpy as np
import pytest

from estimators.test_hierarchical import simulations as two_levels
from estimators.test_memory import KEY, OPTIONS, Shift, prior, simulator
from preprocessing.simulations import RULES
from tfmpe import Tokens, concatenate_tokens
from tfmpe.estimators import (
    FlowMatchingEstimator,
    HierarchicalEstimator,
    UnlikeTrainingWarning,
)
from tfmpe.models import Model


def log_density(values, given):
    mu, theta, obs = values["mu"], values["theta"], given["obs"]
    squares = {"mu": mu, "theta": theta - mu, "obs": obs - theta}
    return {name: -(x[..., 0] ** 2) for name, x in squares.items()}


MODEL = Model(prior, simulator, independence=RULES, log_density_fn=log_density)


def zeros(shape):
    return {"obs": np.zeros((*np.ravel(shape), 1), np.float32)}


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
        size = np.ravel(n)[-1]
        message = f"{size} tokens of 'obs'"
        with pytest.warns(UnlikeTrainingWarning, match=message):
            estimator.sample(zeros(n), key=KEY)


def test_other_sizes_than_in_training_warn(tmp_path):
    estimator = trained(MODEL, n_simulations=16)
    check_sizes(estimator, [3], [2, 4])
    draws = estimator.sample(zeros(3), key=KEY, n_samples=2)
    with pytest.warns(
        UnlikeTrainingWarning, match="4 tokens of 'theta', 3 in training; 4 "
    ):
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


def test_corrected_draws_do_not_warn():
    estimator = trained(MODEL, n_simulations=64)
    estimator.corrected(zeros(4), key=KEY, n_samples=100, n_inner=50)


def test_groups_of_other_sizes_warn_whatever_their_number(tmp_path):
    estimator = HierarchicalEstimator(["mu"])
    tokens = two_levels(16, n_groups=4)
    estimator.fit(tokens, ["theta", "mu"], key=KEY, **OPTIONS)
    estimator.save(tmp_path)
    for each in (estimator, HierarchicalEstimator.load(tmp_path)):
        check_sizes(each, [(4, 2), (7, 2)], [(4, 5)])


def growth(times, n=16):
    values = {"slope": np.ones((n, 1, 1)), "obs": np.ones((n, 3, 1))}
    return Tokens.from_pytree(values, {}, {"obs": np.asarray(times)[..., None]})


def test_inputs_far_from_all_in_training_warn(tmp_path):
    fixed = trained(growth([0.0, 1, 3]), target_keys=["slope"])
    path = tmp_path / "estimator.safetensors"
    fixed.save(path)
    loaded = FlowMatchingEstimator.load(path, Shift())
    for times, wrong in {
        (0.0, 1, 3): None,
        (3.0, 3, 1): None,
        (0.0, 1, 3.5): None,
        (0.0, 0.3, 3): 0.3,
        (0.0, 10, 3): 10,
        (0.0, 1, -2): -2,
    }.items():
        for estimator in (fixed, loaded):
            data = growth(times, n=2)
            if wrong is None:
                estimator.sample(data, key=KEY)
                continue
            message = f"such as {wrong}, 0 to 3 in training"
            with pytest.warns(UnlikeTrainingWarning, match=message):
                estimator.sample(data, key=KEY)


def test_inputs_that_vary_in_training_are_a_range():
    times = np.random.default_rng(0).uniform(0, 3, (300, 3))
    estimator = trained(growth(times, 300), target_keys=["slope"])
    estimator.sample(growth([0.1, 1.234, 2.9]), key=KEY)
    with pytest.warns(UnlikeTrainingWarning, match="such as 5"):
        estimator.sample(growth([0.1, 5, 2.9]), key=KEY)


def test_keys_that_were_not_trained_warn():
    estimator = trained(MODEL, n_simulations=16)
    draws = estimator.sample(zeros(3), ["theta", "mu"], key=KEY)
    assert draws.key_order == ["theta", "mu"]
    message = r"trained for p\(mu, theta \| obs\), not for p\(mu \| obs\)"
    with pytest.warns(UnlikeTrainingWarning, match=message):
        estimator.sample(zeros(3), ["mu"], key=KEY)
    both = trained(
        simulations(3),
        conditionals=[(["mu"], ["obs"]), (["theta"], ["mu", "obs"])],
    )
    both.sample(zeros(3), ["mu"], key=KEY)
    with pytest.warns(UnlikeTrainingWarning, match="not for p"):
        both.sample(zeros(3), ["theta"], key=KEY)
