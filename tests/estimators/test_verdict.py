"""The verdict: faults are found, and correct posteriors are trusted."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estimators.exact_gaussian import (
    N_OBS,
    N_SITES,
    RULES,
    ExactGaussian,
    simulate,
    simulate_padded,
)
from nightly import several
from refusals import refused
from tfmpe import Tokens
from tfmpe.estimators._verdict.check import check_posterior
from tfmpe.estimators._verdict.verdict import Verdict
from tfmpe.models import Model

KEY = jax.random.key(3)
TARGETS = ("mu", "theta")


def judge(estimator, simulations=None, observed=None, **options) -> Verdict:
    """Return a verdict without a model."""
    options = {"n_simulations": 100, "n_samples": 19, "key": KEY, **options}
    return check_posterior(
        estimator,
        simulate(1, seed=9) if observed is None else observed,
        TARGETS,
        simulations=simulate(300) if simulations is None else simulations,
        **options,
    )


def severity_of(verdict, check) -> set[str]:
    return {f.severity for f in verdict.findings if f.check == check}


@pytest.fixture(scope="module")
def trusted() -> Verdict:
    return judge(ExactGaussian())


@pytest.fixture(scope="module")
def rejected() -> Verdict:
    return judge(ExactGaussian(scale=0.6))


def test_exact_draws_are_trusted(trusted):
    assert trusted.ok
    assert repr(trusted) == (
        "Verdict(trust: 11 checks found no fault, 2 not made)"
    )
    reasons = {
        f.check: f.text for f in trusted.findings if f.severity == "not checked"
    }
    assert reasons == dict.fromkeys(
        ("posterior SBC", "importance weights"),
        "There is no model, only simulations.",
    )


@pytest.mark.parametrize(
    ("wrong", "checks", "words"),
    [
        ({"scale": 0.6}, ("calibration", "coverage"), "draws too narrow"),
        ({"scale": 1.6}, ("calibration", "coverage"), "draws too wide"),
        ({"shift": 0.7}, ("calibration", "classifier"), "draws too high"),
    ],
)
def test_wrong_draws_are_rejected(wrong, checks, words):
    found = judge(ExactGaussian(**wrong))
    assert found.verdict == "reject"
    for check in checks:
        assert severity_of(found, check) & {"problem", "warning"}
    assert severity_of(found, "observation") == {"ok"}
    assert words in found.summary()


def test_draws_that_ignore_data_are_found_by_classifiers():
    """The prior has uniform ranks."""

    @partial(jax.jit, static_argnums=1)
    def draw(key, shape):
        noise = jax.random.normal(key, (*shape, 1 + N_SITES, 1))
        shared = noise[..., :1, :]
        return jnp.concatenate([shared, shared + noise[..., 1:, :]], -2)

    class Prior:
        def sample(self, tokens, target, given, *, key, n_samples):
            data = draw(key, (n_samples, *tokens.sample_shape))
            return Tokens(data, tokens.select_tokens(target).layout)

    found = judge(Prior(), n_simulations=200)
    assert severity_of(found, "calibration") == {"ok"}
    assert severity_of(found, "classifier") == {"problem"}


@pytest.mark.parametrize("make", [simulate, simulate_padded])
def test_an_observation_from_elsewhere_is_found(make):
    observed = make(1, seed=9)
    real = np.asarray(observed.value_mask)
    moved = np.where(real, np.asarray(observed.data) + 12, observed.data)
    found = judge(ExactGaussian(), make(300, seed=1), observed.with_data(moved))
    assert severity_of(found, "observation") & {"problem", "warning"}
    assert severity_of(found, "calibration") == {"ok"}
    assert not found.ok


def test_too_few_simulations():
    found = judge(ExactGaussian(), simulate(40))
    assert severity_of(found, "observation") == {"not checked"}
    assert found.local_ranks is None
    assert "observation: 40 simulations are too few" in found.summary()


def test_the_summary_is_narrow_and_has_each_remedy_once(rejected):
    text = rejected.summary()
    assert max(map(len, text.splitlines())) <= 80
    wrong = [f for f in rejected.findings if f.severity == "problem"]
    remedies = {f.remedy for f in wrong}
    assert len(remedies) < len(wrong)
    (_, after) = text.split("What to do:")
    assert after.count("* ") == len(remedies)


def test_facts_are_json(rejected):
    facts = json.loads(json.dumps(rejected.facts(), allow_nan=False))
    assert facts["verdict"] == "reject"
    assert facts["sentence"] == rejected.sentence
    assert len(facts["findings"]) == len(rejected.findings)
    last = facts["findings"][-1]
    assert last["check"] == "importance weights"
    assert last["p_value"] is None


def test_pictures(trusted, pyplot):
    axes = trusted.plot()
    assert [ax.get_title() for ax in axes] == [
        "calibration",
        "coverage",
        "random points",
        "observation",
        "classifier",
        "local classifier",
        "at the observation",
    ]
    axes[0].figure.canvas.draw()
    assert pyplot.get_fignums() == [axes[0].figure.number]


def test_keys_of_the_same_number_give_the_same_verdict(trusted):
    again = judge(ExactGaussian())
    assert again.findings == trusted.findings


NOISE_SD, N_POINTS = 2.0, 4


class NormalMean:
    """p(mu | obs) for mu ~ N(0, 1), or wrongly on request."""

    def __init__(self, scale=1.0):
        self.sd = scale * EXACT_SD

    def sample(self, tokens, target, given, *, key, n_samples):
        obs = tokens.select_tokens(["obs"]).data
        draws = draw_mean(obs, key, n_samples, self.sd)
        return Tokens(draws, tokens.select_tokens(target).layout)

    def log_prob(self, tokens, target, given, *, values):
        obs = tokens.select_tokens(["obs"]).data
        return log_density_of_mean(values, obs, self.sd)


EXACT_SD = (1 + N_POINTS / NOISE_SD**2) ** -0.5


def exact_mean(obs):
    return obs.sum(-2) * (EXACT_SD / NOISE_SD) ** 2


@partial(jax.jit, static_argnums=2)
def draw_mean(obs, key, n_samples, sd):
    mean = exact_mean(obs)
    noise = jax.random.normal(key, (n_samples, *mean.shape))
    return (mean[None] + sd * noise)[..., None]


@jax.jit
def log_density_of_mean(values, obs, sd):
    away = (values[..., 0] - exact_mean(obs)[None]) / sd
    return log_normal(away)[..., 0] - jnp.log(sd)


def log_normal(away):
    return -0.5 * (away**2 + np.float32(np.log(2 * np.pi)))


def prior(key, n):
    return {"mu": jax.random.normal(key, (n, 1, 1))}


def simulator(key, parameters):
    mu = parameters["mu"]
    noise = jax.random.normal(key, (len(mu), N_POINTS, 1))
    return {"obs": mu + np.float32(NOISE_SD) * noise}


@jax.jit
def log_density(parameters, observations):
    away = (observations["obs"] - parameters["mu"]) / np.float32(NOISE_SD)
    return {
        "mu": log_normal(parameters["mu"])[..., 0],
        "obs": (log_normal(away) - np.float32(np.log(NOISE_SD)))[..., 0],
    }


def total(parameters, observations):
    return sum(x.sum(1) for x in log_density(parameters, observations).values())


OBSERVED = np.array([[0.5], [2.0], [-1.0], [3.5]], np.float32)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(prior, simulator, log_density_fn=log_density)


@pytest.fixture(scope="module")
def normal(model) -> Verdict:
    return check_posterior(
        NormalMean(), {"obs": OBSERVED}, ["mu"], key=KEY, model=model
    )


def test_all_checks_with_a_density(normal):
    assert normal.ok
    assert {f.severity for f in normal.findings} == {"ok"}
    assert normal.predictive.simulated["obs"].shape == (100, N_POINTS, 1)


def test_the_evidence_is_exact(normal):
    weights = normal.weights
    covariance = 1 + NOISE_SD**2 * np.eye(N_POINTS)
    y = OBSERVED[:, 0].astype(float)
    exact = -0.5 * (
        y @ np.linalg.solve(covariance, y)
        + np.linalg.slogdet(2 * np.pi * covariance)[1]
    )
    assert abs(weights.log_evidence - exact) < 1e-4
    assert weights.n_effective > 0.999 * len(weights.log_weights)


def test_wrong_densities_are_found(model):
    found = check_posterior(
        NormalMean(scale=0.1), {"obs": OBSERVED}, ["mu"], key=KEY, model=model
    )
    assert severity_of(found, "posterior SBC") == {"problem"}
    assert severity_of(found, "importance weights") == {"warning"}
    assert "k-hat" in found.summary()


def test_a_density_without_factors_has_weights_only(model):
    found = check_posterior(
        NormalMean(),
        {"obs": OBSERVED},
        ["mu"],
        key=KEY,
        model=Model(prior, simulator, log_density_fn=total),
        simulations=model.simulate(KEY, 300),
    )
    assert severity_of(found, "posterior SBC") == {"not checked"}
    assert severity_of(found, "importance weights") == {"ok"}
    assert severity_of(found, "similar data") == {"ok"}


def test_groups_for_arviz(normal):
    pytest.importorskip("xarray")
    tree = normal.to_arviz()
    assert set(tree.children) == {
        "posterior",
        "observed_data",
        "calibration",
        "posterior_predictive",
        "sample_stats",
    }
    draws = normal.draws.decode()["mu"]
    posterior = tree["posterior"]["mu"]
    assert posterior.dims[:2] == ("chain", "draw")
    np.testing.assert_array_equal(
        posterior.values.ravel(), np.asarray(draws).ravel()
    )
    assert tree["sample_stats"]["log_weight"].shape == (1, len(draws))
    assert tree["observed_data"]["obs"].shape == (N_POINTS,)
    assert tree["calibration"].sizes["simulation"] == 200
    assert tree.attrs["verdict"] == normal.sentence


def test_false_alarms_are_rare():
    """The exact posterior is trusted in 95 of 100 cases."""
    n = several(nightly=200, test=6)
    alarms = sum(
        not judge(
            ExactGaussian(),
            simulate(300, seed=2 * seed),
            simulate(1, seed=2 * seed + 1),
            key=jax.random.key(seed),
        ).ok
        for seed in range(n)
    )
    # More than the 99.9% quantile of the binomial distribution.
    assert alarms <= several(nightly=20, test=3)


class TestRefusals:
    def test_several_data_sets(self):
        with refused(
            ValueError,
            "The observed data have the sample shape (2,), expected one data "
            "set. Check each data set in a separate call.",
        ):
            judge(ExactGaussian(), observed=simulate(2))

    def test_nothing_to_compare_with(self):
        with refused(
            ValueError,
            "check needs a model or simulations to compare with. Train with "
            "fit(model, ...), or pass simulations= that were not used for "
            "training.",
        ):
            check_posterior(ExactGaussian(), simulate(1), TARGETS, key=KEY)

    def test_other_shapes(self):
        data = {
            "mu": np.zeros((1, 1, 1)),
            "theta": np.zeros((1, 2, 1)),
            "obs": np.zeros((1, 2, N_OBS, 1)),
        }
        with pytest.raises(ValueError, match="event and batch shapes"):
            judge(ExactGaussian(), observed=Tokens.from_pytree(data, RULES))

    def test_too_few_simulations(self):
        with pytest.raises(ValueError, match="n_simulations is 3"):
            judge(ExactGaussian(), n_simulations=3)
