"""Pareto-smoothed importance weights, against closed forms and ArviZ."""

import numpy as np
import pytest

from refusals import refused
from tfmpe.estimators._verdict.psis import fit_pareto, smooth_weights


@pytest.mark.parametrize("k", [-0.3, 0.2, 0.9])
def test_the_shape_of_a_pareto_distribution_is_found(k):
    uniform = np.random.default_rng(0).random(20_000)
    excess = np.sort(2 * ((1 - uniform) ** -k - 1) / k)
    found, scale = fit_pareto(excess)
    # Its standard error is (1 + k) / sqrt(n), at most 0.014.
    assert abs(found - k) < 0.05
    assert abs(scale - 2) < 0.1


def normal_ratios(sd, n=4000, shift=7.0):
    """Return log ratios of N(0, 1), times exp(shift), over N(0, sd^2)."""
    draws = sd * np.random.default_rng(1).normal(size=n)
    return shift - draws**2 / 2 + (draws / sd) ** 2 / 2 + np.log(sd)


def test_wide_proposals_have_light_tails_and_the_right_evidence():
    found = smooth_weights(normal_ratios(1.5))
    assert found.khat < 0.3
    assert abs(found.log_evidence - 7) < 4 * found.log_evidence_error
    # E[w]^2 / E[w^2] of these normal distributions.
    share = np.sqrt(2 * 1.5**2 - 1) / 1.5**2
    assert abs(found.n_effective / 4000 - share) < 0.03
    np.testing.assert_allclose(np.exp(found.log_weights).sum(), 1)


def test_narrow_proposals_have_heavy_tails():
    assert smooth_weights(normal_ratios(0.5)).khat > 0.7


def test_equal_and_impossible_weights():
    equal = smooth_weights(np.full(100, 3.0))
    assert equal.khat == -np.inf
    assert equal.n_effective == 100
    assert (equal.log_evidence, equal.log_evidence_error) == (3, 0)
    half = np.where(np.arange(100) % 2, 3.0, -np.inf)
    assert abs(smooth_weights(half).n_effective - 50) < 1e-9
    with refused(
        ValueError,
        "None of 2 importance weights is positive and finite: no draw has "
        "positive densities in both the model and the estimator.",
    ):
        smooth_weights(np.array([np.nan, -np.inf]))


@pytest.mark.parametrize("sd", [0.5, 0.8, 1.5])
@pytest.mark.filterwarnings("ignore")
def test_weights_are_those_of_arviz(sd):
    arviz = pytest.importorskip("arviz")
    ratios = normal_ratios(sd, 500)
    wanted, k = arviz.psislw(ratios)
    found = smooth_weights(ratios)
    np.testing.assert_allclose(found.khat, k, rtol=1e-6)
    np.testing.assert_allclose(found.log_weights, wanted, rtol=1e-6)
