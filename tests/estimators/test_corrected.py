"""Draws corrected by the density of a model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from tfmpe import Standardizer
from tfmpe.estimators import (
    HierarchicalEstimator,
    LowEfficiencyWarning,
    corrected,
)
from tfmpe.estimators._corrected import rounds
from tfmpe.estimators._corrected.moves import moved
from tfmpe.estimators._corrected.rounds import truncated
from tfmpe.estimators._corrected.student_mixture import StudentMixture
from tfmpe.models import Model
from tfmpe.models.model import NoDensityError

RULES = {
    "local": ["theta", "obs"],
    "cross": [("tau", "obs"), ("obs", "tau")],
    "cross_local": [("theta", "obs", (0, 0))],
}
OBS = np.array([[-1.5], [0.3], [2.5]], np.float32)
KEY = jax.random.key(0)
SD = 0.5


def prior(key, n):
    a, b = jax.random.split(key)
    tau = jnp.exp(SD * jax.random.normal(a, (n, 1, 1)))
    return {"tau": tau, "theta": tau * jax.random.normal(b, (n, 3, 1))}


def simulator(key, parameters):
    theta = parameters["theta"]
    return {"obs": theta + jax.random.normal(key, theta.shape)}


def factors(parameters, observations):
    tau, theta = parameters["tau"], parameters["theta"]
    found = {
        "tau": norm.logpdf(jnp.log(tau), scale=SD) - jnp.log(tau),
        "theta": norm.logpdf(theta, scale=tau),
        "obs": norm.logpdf(observations["obs"], theta),
    }
    return {name: value[..., 0] for name, value in found.items()}


def model(density=factors, rules=RULES):
    return Model(
        prior,
        simulator,
        independence=rules,
        bijectors={"tau": (jnp.log, jnp.exp)},
        log_density_fn=density,
    )


class Wrong:
    """A sampler whose scale is too large and whose locals ignore the data."""

    target_keys = ("tau", "theta")
    global_keys = ("tau",)

    def __init__(self, model):
        self.model = model
        simulations = model.simulate(jax.random.key(1), 200)
        self.standardizer = Standardizer.fit(
            simulations, bijectors=model.bijectors
        )

    shift = 0.6

    def sample(self, tokens, *, key, n_samples):
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        tau = np.exp(self.shift + 0.7 * rng.normal(size=(n_samples, 1, 1, 1)))
        theta = 2 * rng.normal(size=(n_samples, 1, 3, 1))
        data = np.concatenate([tau, theta], 2).astype(np.float32)
        view = tokens.select_tokens(self.target_keys).to_tokens()
        repeated = jax.tree.map(
            lambda leaf: np.broadcast_to(leaf, (n_samples, *leaf.shape)), view
        )
        return repeated.with_data(data)


def exact():
    """Return moments of log tau, means of theta, and the log evidence."""
    log_tau = SD * np.linspace(-6, 6, 4_001)
    square = np.exp(2 * log_tau)
    log = -0.5 * ((log_tau / SD) ** 2 + np.log(2 * np.pi * SD**2))
    for y in OBS[:, 0]:
        log = log - 0.5 * (
            y**2 / (1 + square) + np.log(2 * np.pi * (1 + square))
        )
    weights = np.exp(log) * (log_tau[1] - log_tau[0])
    evidence = weights.sum()
    weights /= evidence
    mean = weights @ log_tau
    sd = np.sqrt(weights @ (log_tau - mean) ** 2)
    shrunk = weights @ (square / (1 + square))
    return mean, sd, OBS[:, 0] * shrunk, np.log(evidence)


def test_wrong_draws_are_corrected():
    found = corrected(
        Wrong(model()), {"obs": OBS}, key=KEY, n_samples=1_000, n_inner=500
    )
    mean, sd, theta, evidence = exact()
    log_tau = np.log(np.asarray(found.draws["tau"])[:, 0, 0])
    # About four standard errors of resampled draws.
    assert log_tau.mean() == pytest.approx(mean, abs=0.12 * sd)
    assert log_tau.std() == pytest.approx(sd, rel=0.1)
    drawn = np.asarray(found.draws["theta"])[..., 0].mean(0)
    np.testing.assert_allclose(drawn, theta, atol=0.12)
    assert found.log_evidence == pytest.approx(evidence, abs=0.1)
    assert 0.5 < found.efficiency <= 1
    assert 0.3 < found.local_efficiency <= 1
    assert np.exp(found.log_weights).sum() == pytest.approx(1, abs=1e-3)


def test_draws_of_no_use_are_corrected():
    """A scale e^4 times too large: eight posterior standard deviations."""
    estimator = Wrong(model())
    estimator.shift = 4.0
    found = corrected(
        estimator, {"obs": OBS}, key=KEY, n_samples=1_000, n_inner=500
    )
    mean, sd, _, evidence = exact()
    log_tau = np.log(np.asarray(found.draws["tau"])[:, 0, 0])
    assert log_tau.mean() == pytest.approx(mean, abs=0.15 * sd)
    assert log_tau.std() == pytest.approx(sd, rel=0.15)
    assert found.log_evidence == pytest.approx(evidence, abs=0.1)
    assert found.efficiency > 0.5
    # Moved by a continuous distribution, few draws are alike.
    assert len(np.unique(log_tau)) > 900


def test_the_chain_alone_leads_to_the_posterior():
    estimator = Wrong(model())
    tokens = estimator.model.condition({"obs": OBS[None]})
    view = tokens.select_tokens(estimator.target_keys)
    draws = estimator.sample(tokens, key=KEY, n_samples=1_000)
    flat = estimator.standardizer.forward(draws.data, like=view)
    flat = flat.reshape((1_000, -1))
    moves = moved(
        tokens,
        estimator.standardizer,
        flat,
        flat,
        KEY,
        model=estimator.model,
        target=estimator.target_keys,
        shared=estimator.global_keys,
        n_steps=200,
    )
    found = estimator.standardizer.inverse(
        moves.reshape((1_000, *view.data.shape)), like=view
    )
    mean, sd, theta, _ = exact()
    log_tau = np.log(np.asarray(found)[:, 0, 0, 0])
    assert log_tau.mean() == pytest.approx(mean, abs=0.15 * sd)
    assert log_tau.std() == pytest.approx(sd, rel=0.15)
    drawn = np.asarray(found)[:, 0, 1:, 0].mean(0)
    np.testing.assert_allclose(drawn, theta, atol=0.15)


def test_few_draws_are_not_silent(monkeypatch):
    estimator = Wrong(model())
    estimator.shift = 4.0
    monkeypatch.setattr(rounds, "_STEPS", (1, 1))
    with pytest.warns(LowEfficiencyWarning, match=r"1,000 .* as \d+ indep"):
        corrected(
            estimator,
            {"obs": OBS},
            key=KEY,
            n_samples=1_000,
            n_inner=500,
            n_rounds=1,
        )


def test_few_local_proposals_are_not_silent(monkeypatch):
    """Weights of global values do not show it: all have the same locals."""
    one_group = model(rules={name: RULES[name] for name in ("local", "cross")})
    monkeypatch.setattr(rounds, "_STEPS", (1, 1))
    with pytest.warns(LowEfficiencyWarning, match=r"1 of 1 .* of 3 values"):
        found = corrected(
            Wrong(one_group),
            {"obs": OBS},
            key=KEY,
            n_samples=200,
            n_inner=40,
            n_rounds=1,
        )
    assert found.local_efficiency < 0.5 < found.efficiency


def test_refusals():
    estimator = Wrong(model())
    call = {"key": KEY, "n_samples": 4, "n_inner": 4}
    with pytest.raises(ValueError, match="one data set"):
        corrected(estimator, {"obs": np.stack([OBS, OBS])}, **call)
    with pytest.raises(NoDensityError, match="has no density"):
        corrected(Wrong(model(None)), {"obs": OBS}, **call)
    with pytest.raises(TypeError, match=r"Write \['tau'\]"):
        corrected(estimator, {"obs": OBS}, global_keys="tau", **call)
    with pytest.raises(TypeError, match=r"Write \['tau'\]"):
        HierarchicalEstimator("tau")
    whole = Wrong(model(lambda p, o: p["tau"][:, 0, 0]))
    with pytest.raises(NoDensityError, match="no factors"):
        corrected(whole, {"obs": OBS}, **call)
    estimator.discrete = ("theta", "obs")
    with pytest.raises(ValueError, match=r"values of \['theta'\] are integers"):
        corrected(estimator, {"obs": OBS}, **call)
    estimator.discrete = ()
    estimator.global_keys, estimator.target_keys = None, ("theta",)
    with pytest.raises(ValueError, match="global_keys="):
        corrected(estimator, {"obs": OBS}, **call)
    estimator.model = None
    with pytest.raises(TypeError, match="not trained on a Model"):
        corrected(estimator, {"obs": OBS}, **call)


def test_densities_of_proposals_ignore_unused_columns():
    draws = np.random.default_rng(0).normal(size=(50, 2, 2)).astype(np.float32)
    both = StudentMixture.fit(draws, np.array([2, 1]), 1_000)
    alone = StudentMixture.fit(draws[:, 1:, :1], np.array([1]), 1_000)
    assert len(alone.centers) == 25
    some = draws[:5]
    log_prob = jax.jit(StudentMixture.log_prob)
    np.testing.assert_allclose(
        np.asarray(log_prob(both, some))[:, 1],
        np.asarray(log_prob(alone, some[:, 1:, :1]))[:, 0],
        rtol=1e-5,
    )
    # The density of a Student t distribution integrates to 1.
    grid = np.linspace(-60, 60, 4_001, dtype=np.float32)
    density = np.exp(log_prob(alone, grid[:, None, None]))
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-3)


def test_proposals_are_where_the_draws_are():
    rng = np.random.default_rng(0)
    sides = rng.choice([-3.0, 3.0], (4_000, 1, 1))
    draws = (sides + 0.1 * rng.normal(size=sides.shape)).astype(np.float32)
    one = np.array([1])
    single = StudentMixture.fit(draws, one, 100)
    mixture = StudentMixture.fit(draws, one, 4_000)
    assert len(single.centers) == 1
    assert len(mixture.centers) == 400
    between = np.array([[[0.0]], [[3.0]]], np.float32)
    density_of = jax.jit(StudentMixture.log_prob)
    found = [density_of(each, between)[:, 0] for each in (single, mixture)]
    assert found[0][0] > found[0][1]
    assert found[1][0] < found[1][1] - 1.5
    draw = jax.jit(StudentMixture.draw, static_argnums=2)
    drawn = np.asarray(draw(mixture, KEY, 4_000))[:, 0, 0]
    # The same share between the modes as the density says.
    grid = np.linspace(-1, 1, 201, dtype=np.float32)
    density = np.exp(density_of(mixture, grid[:, None, None])[:, 0])
    share = np.trapezoid(density, grid)
    assert (abs(drawn) < 1).mean() == pytest.approx(share, abs=0.02)


def test_no_weight_counts_for_more_than_the_root_of_their_number():
    log_weights = np.array([np.log(13), 0, 0, 0, -np.inf], np.float32)
    log_weights = np.repeat(log_weights, 4)[3:]  # 13 + 3 * 4 + 4 * 0 of 17
    weights = np.exp(truncated(log_weights))
    largest = (13 + 12) / np.sqrt(17)
    np.testing.assert_allclose(weights, [largest] + 12 * [1] + 4 * [0], 1e-5)
