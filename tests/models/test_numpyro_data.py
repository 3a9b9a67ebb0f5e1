"""Models from NumPyro given observed data, and data of other arguments."""
# ruff: noqa: E402

from types import SimpleNamespace

import jax
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist
from numpyro import plate, sample

from tfmpe import from_numpyro
from tfmpe.estimators import (
    FlowMatchingEstimator,
    corrected,
    posterior_predictive,
)
from tfmpe.estimators._verdict.check import check_posterior

KEY = jax.random.key(0)
REGION = np.array([0, 1, 1, 2])
X = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
VISITS = {"visits": np.array([1.0, 0.0, 2.0, 1.0], np.float32)}


def clinics(region, n_regions, x):
    slope = sample("slope", dist.Normal(0, 0.1))
    with plate("region", n_regions):
        rate = sample("rate", dist.Normal(0, 1))
    with plate("clinic", len(region)):
        log_rate = rate[region] + slope * x
        sample("visits", dist.Poisson(jax.numpy.exp(log_rate)))


def read(region=REGION, n=3, x=X):
    return from_numpyro(clinics, region, n, x, observed=["visits"])


@pytest.fixture(scope="module")
def model():
    return read()


@pytest.mark.parametrize("region", [REGION + 1, -1 - 2 * REGION])
def test_an_index_out_of_bounds_is_refused(region):
    with pytest.raises(ValueError, match=r"does not exist.*count from 0"):
        read(region)


def test_covariates_that_are_all_zero_cut_no_ties(model):
    found = read(x=np.zeros(4, np.float32)).layout.independence
    assert found == model.layout.independence


def test_other_groups_need_inputs_and_simulations(model):
    groups = {"visits": {"region": np.array([0, 0, 1, 2])}}
    with pytest.raises(ValueError, match="'visits' belong to other groups"):
        model.condition(VISITS, groups=groups)
    same = {"visits": {"region": REGION}}
    assert model.condition(VISITS, groups=same).sample_shape == ()
    observed = model.condition(
        VISITS, groups=groups, functional_inputs={"visits": X[:, None]}
    )
    with pytest.raises(ValueError, match=r"\['visits'\] have other groups"):
        check_posterior(
            SimpleNamespace(sample=None),
            observed,
            ["slope", "rate"],
            ["visits"],
            key=KEY,
            simulations=model.simulate(KEY, 4),
        )


@pytest.mark.parametrize("value", [-999.0, 0.5])
def test_observed_values_outside_the_support_are_refused(model, value):
    wrong = {"visits": np.array([1.0, value, 2.0, value], np.float32)}
    with pytest.raises(ValueError, match=r"2 of 4 values of 'visits'.*Nonneg"):
        model.condition(wrong)


@pytest.mark.filterwarnings("ignore:.*Batch size padding")
def test_supports_of_several_numbers_are_not_checked():
    def shares(n):
        rate = sample("rate", dist.Normal(0, 1))
        with plate("n", n):
            logits = jax.numpy.stack([rate, -rate, 0 * rate])
            sample("counts", dist.Multinomial(4, logits=logits))
            sample("parts", dist.Dirichlet(jax.numpy.exp(logits)))

    found = from_numpyro(shares, 2, observed=["counts", "parts"])
    given = {
        "counts": np.array([[1.0, 2, 1], [4, 0, 0]]),
        "parts": np.array([[0.3, 0.3, 0.4]] * 2),
    }
    assert found.condition(given)["counts"].shape == (2, 3)


def test_missing_values_are_not_outside_the_support(model):
    missing = {"visits": np.array([1.0, np.nan, 2.0, 0.0], np.float32)}
    assert np.isnan(model.condition(missing)["visits"]).sum() == 1


OTHERS = {
    "x": (lambda: read(x=X + 5), r"functional inputs of 'visits' differ"),
    "region": (
        lambda: read(np.array([0, 0, 1, 2])),
        r"'visits' is in other groups of \['region'\]",
    ),
    "size": (
        lambda: read(np.array([0, 1, 2, 3]) % 4, 4),
        r"'rate' has the event shape \(4,\), not \(3,\)",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_model_with_other_arguments_than_the_data_is_refused(model, other):
    make, words = OTHERS[other]
    tokens = make().condition(VISITS)
    estimator = SimpleNamespace(
        target_keys=("slope", "rate"), model=model, sample=None
    )
    calls = (
        lambda: corrected(estimator, tokens, key=KEY),
        lambda: check_posterior(
            estimator, tokens, ["slope", "rate"], key=KEY, model=model
        ),
        lambda: posterior_predictive(
            estimator, tokens, ["slope", "rate"], key=KEY
        ),
    )
    for call in calls:
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert "Pass model=" in str(caught.value) or (
            "simulator_fn=" in str(caught.value)
        )


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_tokens_with_other_inputs_than_in_training_are_refused(model):
    estimator = FlowMatchingEstimator()
    options = {"n_epochs": 1, "batch_size": 16, "key": KEY}
    estimator.fit(model, n_simulations=16, **options)
    # Regions of one clinic each: the index looks like a further covariate.
    other = read(np.array([0, 1, 2]), 3, X[:3])
    visits = {"visits": VISITS["visits"][:3]}
    with pytest.raises(ValueError, match=r"'visits' is 2 .* 1 in training"):
        estimator.sample(other.condition(visits), key=KEY)
    found = estimator.condition(
        visits,
        functional_inputs={"visits": X[:3, None]},
        groups={"visits": {"region": np.array([0, 1, 2])}},
    )
    draws = estimator.sample(found, key=KEY, n_samples=2)
    assert draws["rate"].shape == (2, 3)
