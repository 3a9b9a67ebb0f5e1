"""Ranks of true values: uniform only for correct draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from estimators.exact_gaussian import (
    N_SITES,
    ExactGaussian,
    made_ranks,
    simulate,
    simulate_padded,
)
from refusals import refused
from tfmpe import Tokens
from tfmpe.estimators import FlowMatchingEstimator
from tfmpe.estimators._checks.bands import simultaneous_band
from tfmpe.estimators._checks.calibration import calibration_ranks
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._checks.uniformity import JOINT

KEY = jax.random.key(1)
PARAMETERS = ["mu", "theta"]


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    # On the host, where slices do not compile.
    return jax.tree.map(np.asarray, simulate(300))


@pytest.fixture(scope="module")
def few(tokens) -> Tokens:
    return jax.tree.map(lambda leaf: leaf[:12], tokens)


def rank(estimator, tokens, target=PARAMETERS, **options):
    return calibration_ranks(
        estimator, tokens, target, ["obs"], key=KEY, **options
    )


def test_exact_draws_pass(tokens):
    ranks = rank(ExactGaussian(), tokens)
    found = ranks.uniformity()
    assert found.p_value > 0.05
    assert found.n_tests == {"mu": 1, "theta": N_SITES}
    assert found.values["theta"].shape == (N_SITES, 1)
    assert "draws too" not in ranks.summary()


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"scale": 0.8}, "draws too narrow"),
        ({"scale": 1.25}, "draws too wide"),
        ({"shift": 0.4}, "draws too high"),
        ({"shift": -0.4}, "draws too low"),
    ],
)
def test_wrong_draws_are_found(tokens, wrong, finding):
    ranks = rank(ExactGaussian(**wrong), tokens)
    found = ranks.uniformity()
    assert max(found.keys.values()) < 1e-3
    assert found.p_value < 1e-6
    rows = ranks.summary().splitlines()[3:6]
    assert all(row.split("  ")[-1] == finding for row in rows[:2])


def test_wrong_dependence_is_found_together(tokens):
    ranks = rank(ExactGaussian(apart=True), tokens)
    found = ranks.uniformity()
    assert np.nanmin(found.values["theta"]) > 0.01
    assert found.values["mu"] > 0.01
    assert found.joint < 1e-4
    (row,) = (r for r in ranks.summary().splitlines() if JOINT in r)
    assert row.endswith("<0.001  draws vary together too little")


def test_ranks_are_numbers_of_draws_below(few):
    """Ranks are recomputed from draws of the estimator for one simulation."""
    estimator = ExactGaussian()
    ranks = rank(estimator, few, n_samples=19)
    for i in (0, 7, 11):
        row = jax.tree.map(lambda leaf, i=i: leaf[i], few)
        draws = estimator.sample(
            row,
            PARAMETERS,
            ["obs"],
            key=jax.random.fold_in(KEY, i),
            n_samples=19,
        ).decode()
        true = row.decode()
        for name in PARAMETERS:
            below = (np.asarray(draws[name]) < np.asarray(true[name])).sum(0)
            np.testing.assert_array_equal(ranks.ranks[name][i], below)
            everything = np.concatenate([draws[name], true[name][None]])
            z = stats.zscore(everything, 0).reshape(20, -1)
            for sums, found in (
                (z.sum(1), ranks.means),
                ((z**2).sum(1), ranks.distances),
            ):
                assert found[name][i] == (sums[:-1] < sums[-1]).sum()


@pytest.mark.parametrize("unit", [2.0**70, 2.0**-70])
def test_the_unit_does_not_matter(few, unit):
    """Squares of such values overflow in 32 bits."""

    class InUnit(ExactGaussian):
        def sample(self, tokens, *args, **options):
            own = tokens.with_data(tokens.data / unit)
            draws = super().sample(own, *args, **options)
            return draws.with_data(draws.data * unit)

    wanted = rank(ExactGaussian(), few, n_samples=19)
    moved = few.with_data(few.data * np.float32(unit))
    found = rank(InUnit(), moved, n_samples=19)
    for name in (*PARAMETERS, JOINT):
        np.testing.assert_array_equal(found.means[name], wanted.means[name])
        np.testing.assert_array_equal(
            found.distances[name], wanted.distances[name]
        )


def test_batches_and_progress_change_nothing(tokens, capsys):
    tokens = jax.tree.map(lambda leaf: leaf[:11], tokens)
    four, one = ExactGaussian(), ExactGaussian()
    wanted = rank(four, tokens, n_samples=19, batch_size=4 * 19 + 5)
    found = rank(one, tokens, n_samples=19, batch_size=10, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "compiling:   0%" in err
    assert "ranking: 100%" in err
    assert "11/11" in err
    # Four simulations at a time; or one, with its draws in parts.
    assert four.calls == [(19, None)] * 3
    assert one.calls == [(19, 10)] * 11
    for name in PARAMETERS:
        np.testing.assert_array_equal(found.ranks[name], wanted.ranks[name])
    np.testing.assert_array_equal(found.means[JOINT], wanted.means[JOINT])


def test_sample_axes_views_and_jax(few):
    wanted = rank(ExactGaussian(), few, n_samples=19).ranks
    folded = jax.tree.map(lambda x: x.reshape((3, 4, *x.shape[1:])), few)
    view = few.select_tokens(["obs", "theta", "mu"])
    for same in (folded, view, jax.device_put(few)):
        found = rank(ExactGaussian(), same, n_samples=19).ranks
        for name in PARAMETERS:
            assert isinstance(found[name], np.ndarray)
            np.testing.assert_array_equal(found[name], wanted[name])


def test_padding_does_not_count():
    tokens = simulate_padded(300)
    ranks = rank(ExactGaussian(), tokens, ["theta", "mu"])
    np.testing.assert_array_equal(
        ranks.real["theta"][..., 0],
        tokens.select_tokens(["theta"]).padding_mask,
    )
    assert not ranks.real["theta"].all()
    assert ranks.real["mu"].all()
    assert ranks.uniformity().p_value > 0.05
    narrow = rank(ExactGaussian(scale=0.7), tokens, ["theta", "mu"])
    assert narrow.uniformity().p_value < 1e-6


def test_padded_ranks_are_not_read():
    rng = np.random.default_rng(0)
    ranks = rng.integers(0, 100, (200, 2, 1))
    real = rng.random((200, 2, 1)) < 0.7
    found = made_ranks(np.where(real, ranks, 0), real=real)
    other = made_ranks(np.where(real, ranks, 99), real=real)
    assert found.uniformity().keys == other.uniformity().keys
    assert found.uniformity().p_value > 0.01
    assert found.summary() == other.summary()


def test_one_wrong_value_among_many_is_named():
    rng = np.random.default_rng(0)
    ranks = rng.integers(0, 100, (300, 10, 2))
    ranks[:, 6, 1] = rng.integers(0, 60, 300)
    found = made_ranks(ranks)
    p_values = found.uniformity().values["a"]
    assert np.unravel_index(p_values.argmin(), (10, 2)) == (6, 1)
    assert "draws too high at [6, 1]" in found.summary()


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_p_values_hold_for_values_that_move_together(correlation):
    """For correct draws, at most about a hundredth are below 0.01."""
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(400):
        own, shared = rng.normal(size=(100, 8, 1)), rng.normal(size=(100, 1, 1))
        noise = correlation**0.5 * shared + (1 - correlation) ** 0.5 * own
        ranks = (stats.norm.cdf(noise) * 100).astype(int)
        pooled = rng.integers(0, 100, (2, 100))
        found = made_ranks(ranks, together=pooled)
        p_values.append(found.uniformity().keys["a"])
    # The 99.9 % quantile of binomial counts with 400 tests at 0.01.
    assert np.sum(np.array(p_values) < 0.01) <= 12


def test_uniform_p_value_of_one_value():
    """It agrees with the definition, written out for three components."""
    ranks = np.random.default_rng(3).integers(0, 20, (50, 1))
    u = (ranks[:, 0] - 9.5) / np.sqrt((400 - 1) / 12)
    x = np.arange(20) - 9.5
    basis = []
    for power in (0, 1, 2, 3):
        column = x**power
        for other in basis:
            column = column - other * (column * other).mean()
        basis.append(column / np.sqrt((column**2).mean()))
    scores = np.array(basis[1:])[:, ranks[:, 0]]
    np.testing.assert_allclose(scores[0], u)
    statistic = 50 * (scores.mean(1) ** 2).sum()
    found = made_ranks(ranks, n_samples=19).uniformity().keys["a"]
    np.testing.assert_allclose(found, stats.chi2.sf(statistic, 3))


def test_few_simulations_have_no_p_value(few):
    ranks = rank(ExactGaussian(scale=0.1), few, n_samples=19)
    assert np.isnan(ranks.uniformity().p_value)
    assert ranks.summary().splitlines()[-1] == (
        "p-values need at least 20 simulations"
    )


def test_summary():
    ranks = np.random.default_rng(0).integers(0, 100, (100, 2, 1))
    ranks[:, 0] //= 2
    assert made_ranks(ranks).summary() == (
        "CalibrationRanks(100 simulations, 99 draws each)\n"
        "\n"
        "  key      values  mean  spread  p       finding\n"
        "  a        2       0.40  1.02    <0.001  draws too high at [0, 0]\n"
        "  (joint)                        0.046\n"
        "correct draws have mean 0.50 and spread 1.00\n"
        "p of a key is corrected for its number of values; p of all 2 rows is "
        "<0.001"
    )


class Flow:
    """A field of zero velocity: draws are standard normal."""

    def __call__(self, target, conditioning, time):
        return jnp.zeros_like(target.data)


def test_a_flow_matching_estimator():
    mu = np.random.default_rng(0).normal(size=(200, 2, 1)).astype(np.float32)
    tokens = Tokens.from_pytree({"mu": mu, "obs": np.ones((200, 3, 1))}, {})
    estimator = FlowMatchingEstimator(Flow())

    def rank(batch_size, tokens=tokens):
        return calibration_ranks(
            estimator,
            tokens,
            ["mu"],
            key=KEY,
            n_samples=19,
            batch_size=batch_size,
            n_steps=1,
        )

    whole = rank(None)
    assert whole.uniformity().p_value > 0.05
    assert rank(None, tokens.with_values(mu=2 * mu)).uniformity().p_value < 1e-6
    parts = rank(1000)
    np.testing.assert_array_equal(whole.ranks["mu"], parts.ranks["mu"])


def test_nested_keys_stay_nested():
    ranks = {"site": {"a": np.zeros((30, 2), int)}, "b": np.zeros((30, 1), int)}
    real = {"site": {"a": np.ones((30, 2), bool)}, "b": np.ones((30, 1), bool)}
    groups = dict.fromkeys(("site/a", "b", JOINT), np.zeros(30, int))
    found = CalibrationRanks(ranks, real, groups, groups, 9).uniformity()
    assert found.values["site"]["a"].shape == (2,)
    assert set(found.keys) == {"site/a", "b"}
    assert found.p_value < 1e-6


def test_refusals(few):
    infinite = few.with_values(theta=np.array([[0, np.nan, 0]] * 12)[..., None])
    draws_nan = ExactGaussian(shift=float("nan"))
    cases = [
        (
            lambda: rank(ExactGaussian(), few, n_samples=8),
            "n_samples is 8, expected at least 9.",
        ),
        (
            lambda: rank(ExactGaussian(), few, batch_size=0),
            "batch_size is 0, expected at least 1.",
        ),
        (
            lambda: rank(ExactGaussian(), few, ["tau"]),
            "Key 'tau' not found. Available keys: ['mu', 'theta', 'obs']",
        ),
        (
            lambda: rank(ExactGaussian(), infinite),
            "True values must be finite: 12 of 36 values of 'theta' are NaN or "
            "infinite, or outside the support of a bijector (leave out tokens "
            "that were not observed, or set them to False in Tokens.padding)",
        ),
        (
            lambda: rank(draws_nan, few, n_samples=19),
            "The draws of 'mu' are not finite for 12 of 12 simulations. Ranks "
            "need finite numbers.",
        ),
    ]
    for call, message in cases:
        with refused((TypeError, ValueError, KeyError), message):
            call()


@pytest.mark.usefixtures("pyplot")
class TestPictures:
    @pytest.fixture
    def ranks(self) -> CalibrationRanks:
        rng = np.random.default_rng(0)
        return made_ranks(rng.integers(0, 100, (200, 3, 1)))

    def test_histograms(self, ranks):
        """Bars cover every rank, with heights relative to uniform ranks."""
        axes = ranks.plot()
        assert [ax.get_title() for ax in axes] == [
            "a: 3 values",
            "distance (joint)",
        ]
        bars = axes[0].patches
        heights = np.array([bar.get_height() for bar in bars])
        counts, _ = np.histogram(ranks.ranks["a"], 20, (0, 100))
        np.testing.assert_allclose(heights, counts / 30)
        axes[0].figure.canvas.draw()

    def test_uneven_bins(self):
        """Bins that contain one more rank do not have higher bars."""
        ranks = np.repeat(np.arange(11), 20)[:, None]
        (ax, _) = made_ranks(ranks, n_samples=10).plot()
        heights = [bar.get_height() for bar in ax.patches]
        np.testing.assert_allclose(heights, 1)

    def test_histograms_leave_padding_out(self):
        ranks = np.zeros((100, 1), int)
        ranks[::2] = np.arange(50)[:, None]
        real = np.arange(100)[:, None] % 2 == 0
        (ax, _) = made_ranks(ranks, n_samples=49, real=real).plot()
        heights = [bar.get_height() for bar in ax.patches]
        np.testing.assert_allclose(heights, 1)

    def test_ecdf(self, ranks):
        ax = ranks.plot_ecdf()
        lines = {line.get_label(): line for line in ax.get_lines()}
        assert {"a", "joint"} <= set(lines)
        x, y = lines["a"].get_data()
        places = np.rint(100 * x)
        shares = np.array([(ranks.ranks["a"] < p).mean() for p in places])
        np.testing.assert_allclose(y, shares - x, atol=1e-12)
        ax.figure.canvas.draw()

    def test_ecdf_band_holds_whole_lines(self):
        places = np.arange(1, 20) / 20
        lower, upper = simultaneous_band(100, places)
        ranks = np.random.default_rng(5).integers(0, 20, (2000, 100))
        below = (ranks[:, :, None] < np.arange(1, 20)).mean(1)
        out = ((below < lower) | (below > upper)).any(1).mean()
        # Counts are integers, so the band is a little wide; 4 standard errors.
        assert 0.002 < out < 0.019

    def test_given_axes(self, ranks, pyplot):
        figure, axes = pyplot.subplots(1, 3)
        assert list(ranks.plot(axes)) == list(axes[:2])
        assert list(ranks.plot(axes[0])) == [axes[0]]
        assert ranks.plot_ecdf(ax=axes[2]) is axes[2]
        assert pyplot.get_fignums() == [figure.number]
