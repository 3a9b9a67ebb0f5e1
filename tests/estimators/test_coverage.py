"""Coverage of credible regions: nominal only for correct draws."""

import sys

import jax
import numpy as np
import pytest

from estimators.exact_gaussian import (
    ExactGaussian,
    made_ranks,
    simulate,
    simulate_padded,
)
from refusals import refused
from tfmpe import Tokens
from tfmpe.estimators import PosteriorPredictive
from tfmpe.estimators._checks.calibration import calibration_ranks
from tfmpe.estimators._checks.coverage import (
    ExpectedCoverage,
    expected_coverage,
)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return simulate(400)


def coverage_of(tokens, n_samples=99, **wrong) -> ExpectedCoverage:
    ranks = calibration_ranks(
        ExactGaussian(**wrong),
        tokens,
        ["mu", "theta"],
        ["obs"],
        key=jax.random.key(2),
        n_samples=n_samples,
    )
    return expected_coverage(ranks)


def made_coverage(ranks, distances, n_samples, real=None):
    together = np.asarray([distances] * 2)
    return expected_coverage(made_ranks(ranks, n_samples, real, together))


def curves(coverage):
    """Return the curves of single values and the joint curve."""
    return np.concatenate(list(coverage.curves().values()), 1)


def test_exact_draws_have_the_nominal_coverage(tokens):
    coverage = coverage_of(tokens)
    lower, upper = coverage.band()
    found = curves(coverage)
    inside = (lower[:, None] <= found) & (found <= upper[:, None])
    # Levels of a curve are correlated, and each is outside in 1 of 100 cases.
    assert inside.mean() > 0.97
    assert np.abs(found - coverage.levels[:, None]).max() < 0.09


@pytest.mark.parametrize(
    ("wrong", "sign"),
    [({"scale": 0.75}, -1), ({"scale": 1.3}, 1), ({"shift": 1.0}, -1)],
)
def test_wrong_draws_have_another(tokens, wrong, sign):
    """It is below the band if too narrow or shifted, above if too wide."""
    coverage = coverage_of(tokens, **wrong)
    at = np.argmin(np.abs(coverage.levels - 0.8))
    lower, upper = coverage.band()
    found = curves(coverage)[at]
    assert (found < lower[at] if sign < 0 else found > upper[at]).all()


def test_regions_are_counted_exactly():
    """With 4 draws, regions have all ranks, ranks 1 to 3, or the middle one."""
    ranks = np.array([0, 1, 2, 3, 4, 4, 2, 1, 1, 0])[:, None]
    distances = [0, 1, 2, 3, 4, 4, 4, 0, 0, 0]
    coverage = made_coverage(ranks, distances, 4)
    np.testing.assert_allclose(coverage.levels, [0.2, 0.6, 1.0])
    np.testing.assert_allclose(coverage.central["a"][:, 0], [0.2, 0.6, 1.0])
    # Balls that contain 0, 2 and all 4 draws besides the true values.
    np.testing.assert_allclose(coverage.joint, [0.4, 0.6, 1.0])


@pytest.mark.parametrize("n_samples", [9, 10, 99])
def test_uniform_ranks_have_exactly_the_nominal_coverage(n_samples):
    ranks = np.arange(n_samples + 1)
    coverage = made_coverage(ranks[:, None], ranks, n_samples)
    np.testing.assert_allclose(coverage.central["a"][:, 0], coverage.levels)
    np.testing.assert_allclose(coverage.joint, coverage.levels)
    assert coverage.levels[-1] == 1


def test_padding_does_not_count():
    coverage = coverage_of(simulate_padded(400))
    assert np.abs(curves(coverage) - coverage.levels[:, None]).max() < 0.12
    ranks = np.array([[2, 2], [0, 2], [0, 2]])
    real = np.array([[True, False], [False, False], [True, False]])
    coverage = made_coverage(ranks, [0, 4, 4], 4, real)
    np.testing.assert_allclose(
        coverage.central["a"], [[0.5, np.nan], [0.5, np.nan], [1, np.nan]]
    )
    np.testing.assert_allclose(coverage.joint, [0.5, 0.5, 1])
    assert coverage.curves()["a"].shape == (3, 1)
    assert coverage.n_simulations == 2


def test_summary():
    ranks = np.stack([np.arange(100), np.arange(100) // 2], 1)
    coverage = made_coverage(ranks, np.arange(100) // 2, 99)
    assert coverage.summary() == (
        "ExpectedCoverage(100 simulations)\n"
        "\n"
        "  key       values  50%                  80%"
        "                  90%\n"
        "  a         2       0.50 (0.50 to 0.50)  0.80 (0.80 to 0.80)"
        "  0.90 (0.90 to 0.90)\n"
        "  (joint)           1.00                 1.00"
        "                 1.00\n"
        "  99% band          0.37 to 0.63         0.69 to 0.90"
        "         0.82 to 0.97"
    )


def test_band_holds_99_of_100():
    coverage = ExpectedCoverage(np.array([0.3, 0.9]), {}, np.zeros(2), 200)
    lower, upper = coverage.band()
    counts = np.random.default_rng(0).binomial(200, [0.3, 0.9], (20_000, 2))
    inside = ((lower <= counts / 200) & (counts / 200 <= upper)).mean(0)
    assert (inside > 0.99).all()
    assert (inside < 0.996).all()


@pytest.mark.usefixtures("pyplot")
class TestPictures:
    @pytest.fixture
    def coverage(self) -> ExpectedCoverage:
        ranks = np.random.default_rng(0).integers(0, 100, (300, 2))
        return made_coverage(ranks, ranks[:, 0], 99)

    def test_lines(self, coverage):
        ax = coverage.plot()
        lines = {line.get_label(): line.get_data() for line in ax.get_lines()}
        for label, wanted in (
            ("a", coverage.central["a"].mean(1)),
            ("joint", coverage.joint),
        ):
            x, y = lines[label]
            np.testing.assert_array_equal(x, coverage.levels)
            np.testing.assert_array_equal(y, wanted)
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names == ["99% of correct draws", "a", "joint"]
        ax.figure.canvas.draw()

    def test_every_key_is_in_the_legend(self):
        """Matplotlib would omit names that begin with an underscore."""
        ones = np.ones((2, 1))
        coverage = ExpectedCoverage(
            np.array([0.5, 1]), {"_x": ones, "$": ones}, ones[:, 0], 9
        )
        texts = coverage.plot().get_legend().get_texts()
        shown = [text.get_text() for text in texts]
        assert shown[1:] == [" _x", r"\$", "joint"]

    def test_given_axes(self, coverage, pyplot):
        figure, ax = pyplot.subplots()
        assert coverage.plot(ax=ax) is ax
        assert pyplot.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    "name",
    [
        "CalibrationRanks.plot",
        "CalibrationRanks.plot_ecdf",
        "ExpectedCoverage.plot",
        "PosteriorPredictive.plot",
    ],
)
def test_pictures_without_matplotlib(name, monkeypatch):
    ranks, tokens = made_ranks(np.zeros((9, 1), int)), simulate(1)
    checks = {
        "CalibrationRanks": ranks,
        "ExpectedCoverage": expected_coverage(ranks),
        "PosteriorPredictive": PosteriorPredictive(
            tokens,
            {"obs": np.zeros((1, 1, 3, 4, 1))},
            tokens.select_tokens(["obs"]).to_tokens(),
        ),
    }
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    kind, method = name.split(".")
    with refused(
        ImportError,
        f"{name} needs matplotlib. Install it with pip install "
        "'tfmpe[plot]', or use summary() for text.",
    ):
        getattr(checks[kind], method)()
