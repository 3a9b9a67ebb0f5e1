"""Parts of the verdict: exact ranks and levels, corrections, features."""

import jax
import numpy as np
import pytest
from scipy import stats

from nightly import several
from tfmpe import Tokens
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._verdict.classifier import classifier_tests
from tfmpe.estimators._verdict.density import Densities, weights_finding
from tfmpe.estimators._verdict.features import data_features
from tfmpe.estimators._verdict.finding import Outcome, grade, holm, unchecked
from tfmpe.estimators._verdict.local import posterior_sbc_ranks
from tfmpe.estimators._verdict.material import Material
from tfmpe.estimators._verdict.observation import (
    observation_finding,
    rank_p_value,
)
from tfmpe.estimators._verdict.rank_findings import _coverage, single_column


def tokens_of(theta, obs, **options):
    """Return Tokens of values (n, …) with a width of 1."""
    data = {"theta": theta[..., None], "obs": obs[..., None]}
    return Tokens.from_pytree(data, {}, **options)


class TestPosteriorSbc:
    """Draws from N(0, 1), and data with one noise of variance 1."""

    def ranks(self, sd, n_draws=6, n=4000):
        rng = np.random.default_rng(0)
        draws = rng.normal(size=(n, n_draws, 2, 1))
        data = draws[:, :1] + rng.normal(size=(n, 1, 2, 1))
        log_weights = -((data - draws) ** 2).sum((2, 3)) / 2 / sd**2
        true = tokens_of(draws[:, 0, :, 0], data[:, 0, :, 0])
        return posterior_sbc_ranks(
            true.select_tokens(["theta"]), draws, log_weights, rng
        )

    @pytest.mark.parametrize("n_draws", [2, 6, 40])
    def test_it_is_exact_for_any_number_of_draws(self, n_draws):
        ranks = self.ranks(1.0, n_draws, n=2000)
        for values in (
            ranks.ranks["theta"][:, 0, 0],
            ranks.means["theta"],
            ranks.distances["(joint)"],
        ):
            counts = np.bincount(values // 10, minlength=10)
            assert stats.chisquare(counts).pvalue > 1e-3

    @pytest.mark.parametrize("sd", [0.6, 1.6])
    def test_wrong_likelihoods_are_found(self, sd):
        assert self.ranks(sd).uniformity().p_value < 1e-4

    def test_one_draw_may_have_all_the_weight(self):
        ranks = self.ranks(0.01, n_draws=3, n=100)
        assert np.isin(ranks.means["theta"], range(100)).all()


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ((0.3, 0.6, 0.8), "too narrow"),
        ((0.7, 0.9, 0.94), "too wide"),
        ((0.615, 0.9, 0.9), "of wrong shape"),
    ],
)
def test_coverage_in_words(inside, words):
    n = 200
    counts = np.diff([0, *inside, 1]) * n
    ranks = np.repeat([0, 50, 80, 99], np.rint(counts).astype(int))
    columns = single_column(ranks, "mu")._replace(
        together=np.stack([ranks, ranks], 1)
    )
    found = _coverage(columns, 99)
    numbers = [f"{x:.2f}" for x in found.numbers.values()]
    assert found.fault == (
        f"Regions of mu are {words}: {numbers[0]} of the 50%, {numbers[1]} of "
        f"the 80%, {numbers[2]} of the 95% regions contain the truth."
    )


def material_of(seed, n=40, n_draws=9, slope=0.5):
    """Return simulations of theta ~ N(0, 1), obs = theta + N(0, 1)."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(n + 1, 2))
    obs = theta + rng.normal(size=(n + 1, 2))
    tokens = tokens_of(theta, obs)
    noise = 0.5**0.5 * rng.normal(size=(n + 1, n_draws, 2))
    draws = slope * obs[:, None] + noise
    observed, simulations = (
        jax.tree.map(lambda x, rows=rows: x[rows], tokens)
        for rows in (n, slice(n))
    )
    own = slope * obs[-1] + 0.5**0.5 * rng.normal(size=(200, 2))
    view = simulations.select_tokens(["obs"])
    last = jax.tree.map(lambda x: x[n:], tokens).select_tokens(["obs"])
    nothing: dict = dict.fromkeys(("ranks", "rank", "log_prob"))
    return Material(
        keys=Conditional(("theta",), ("obs",)),
        observed=observed,
        simulations=simulations,
        draws=draws[:n, ..., None],
        own=tokens_of(own, np.zeros((200, 2))).select_tokens(["theta"]),
        features=data_features(view, last),
        key=jax.random.key(seed),
        **nothing,
    )


class TestClassifiers:
    def test_both_keep_their_level(self):
        """Their 5% tests reject 3 to 7% of correct draws."""
        n = several(nightly=1000, test=15)
        tests = [classifier_tests(material_of(seed)) for seed in range(n)]
        for p_values in (
            [test.everywhere.p_value for test in tests],
            [test.here.p_value for test in tests],
        ):
            rejected = np.mean(np.array(p_values) <= 0.05)
            low, high = several(nightly=(0.03, 0.07), test=(0, 0.3))
            assert low <= rejected <= high

    def test_unused_data_are_found(self):
        """Draws that use half of the data are found at unusual data."""
        test = classifier_tests(material_of(0, n=300, slope=0.1))
        assert test.everywhere.p_value < 0.01

    def test_many_values_are_mixed(self):
        rng = np.random.default_rng(0)
        material = material_of(0)
        theta, obs = rng.normal(size=(2, 40, 30))
        tokens = tokens_of(theta, obs)
        (first,) = (jax.tree.map(lambda x: x[0], tokens),)
        material = material._replace(
            observed=first,
            simulations=tokens,
            draws=rng.normal(size=(40, 9, 30, 1)),
            own=tokens.select_tokens(["theta"]),
        )
        assert 0 < classifier_tests(material).everywhere.p_value <= 1


class TestGrades:
    def test_holm(self):
        np.testing.assert_allclose(
            holm(np.array([0.03, 0.001, 0.02])), [0.04, 0.003, 0.04]
        )

    def result(self, p_value, subject="estimator"):
        return Outcome(
            "check", "", p_value, {}, "good", "bad", "train", subject
        )

    def test_severities(self):
        found = grade(
            [
                self.result(1e-4),
                self.result(0.01),
                self.result(0.5),
                self.result(np.nan),
                self.result(0.01, "observation"),
                unchecked("other", "no model"),
            ]
        )
        assert [f.severity for f in found] == [
            "problem",
            "warning",
            "ok",
            "not checked",
            "warning",
            "not checked",
        ]
        assert [f.text for f in found[:3]] == ["bad", "bad", "good"]
        assert [f.remedy for f in found[:3]] == ["train", "train", ""]
        np.testing.assert_allclose(found[1].adjusted, 2 * 0.01 / 0.75)

    def test_false_alarms(self):
        rng = np.random.default_rng(0)
        alarms = 0
        for p_values in rng.random((2000, 12)):
            results = [self.result(p) for p in p_values[1:]]
            results.append(self.result(p_values[0], "observation"))
            alarms += any(f.severity != "ok" for f in grade(results))
        # 4.9% are expected, with a standard error of 0.5%.
        assert 0.03 < alarms / 2000 < 0.065


class TestObservation:
    def features(self, obs, **options):
        theta = np.zeros((len(obs), 1))
        tokens = tokens_of(theta, obs, **options)
        both = (slice(len(obs) - 1), slice(len(obs) - 1, None))
        return data_features(
            *(
                jax.tree.map(
                    lambda x, rows=rows: x[rows], tokens
                ).select_tokens(["obs"])
                for rows in both
            )
        )

    def test_the_rank_is_exact(self):
        assert rank_p_value(np.array([1.0, 3.0, 2.0])) == 2 / 3
        rng = np.random.default_rng(0)
        p_values = []
        for _ in range(50):
            found = self.features(rng.standard_t(3, (60, 4)))
            p_values += [rank_p_value(d) for d in found.distances.values()]
        assert stats.kstest(p_values, "uniform").pvalue > 1e-3

    @pytest.mark.parametrize(
        "change",
        [
            lambda y: y + 6,
            lambda y: 4 * y,
            lambda y: np.zeros_like(y),
            lambda y: np.sort(y) * 2.0,
            lambda y: np.where(np.arange(20) == 7, 9.0, y),
        ],
        ids=["shifted", "noisier", "constant", "trend", "outlier"],
    )
    def test_strange_data_are_far_away(self, change):
        obs = np.random.default_rng(0).normal(size=(401, 20))
        obs[-1] = change(obs[-1])
        finding = observation_finding(self.features(obs))
        assert finding.p_value < 0.01
        assert "unlike the simulations" in finding.fault

    def test_groups_of_ragged_data(self):
        """A shift of one group is seen, whatever the order of tokens."""
        rng = np.random.default_rng(0)
        county = rng.permutation(np.repeat(np.arange(4), 5))
        obs = rng.normal(size=(401, 20))
        obs[-1] += 3.0 * (county == 2)
        options = {"groups": {"obs": {"county": county}}}
        found = self.features(obs, **options)
        assert rank_p_value(found.distances["summaries"]) < 0.01

    def test_padding_is_ignored(self):
        rng = np.random.default_rng(0)
        obs = rng.normal(size=(201, 6))
        sizes = rng.integers(2, 6, 201)
        found = []
        for rest in (0.0, 1e3):
            real = np.arange(6) < sizes[:, None]
            found.append(
                self.features(
                    np.where(real, obs, rest),
                    event_shapes={"obs": sizes[:, None]},
                )
            )
        for name in ("values", "summaries"):
            np.testing.assert_allclose(
                found[0].distances[name], found[1].distances[name]
            )


def test_draws_without_a_density_have_no_weight():
    joint, posterior = np.zeros(100), np.zeros(100)
    posterior[:2], joint[2:4] = -np.inf, -np.inf
    finding, weights = weights_finding(Densities(joint, posterior, None))
    assert finding.severity == "ok"
    assert abs(finding.numbers["effective"] - 0.96) < 1e-6
    # An impossible observation, such as more successes than trials.
    joint = np.full(100, -np.inf)
    finding, weights = weights_finding(Densities(joint, posterior, None))
    assert (finding.severity, weights) == ("problem", None)
    assert "None of 100 draws has" in finding.text
