"""Pictures of a verdict on one page (extra ``plot``)."""

import textwrap
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._checks.coverage import expected_coverage
from tfmpe.estimators._checks.plots import COLORS, plot_ecdf
from tfmpe.estimators._figures import panels
from tfmpe.estimators._types import Axes
from tfmpe.estimators._verdict.classifier import ClassifierNull, ClassifierTests
from tfmpe.estimators._verdict.features import DataFeatures
from tfmpe.estimators._verdict.psis import SmoothedWeights
from tfmpe.estimators._verdict.rank_findings import single_column


def plot_page(
    ranks: CalibrationRanks,
    random_ranks: Int[np.ndarray, " n"],
    local_ranks: CalibrationRanks | None,
    features: DataFeatures,
    classifiers: ClassifierTests,
    weights: SmoothedWeights | None,
    title: str,
) -> np.ndarray:
    """Plot all pictures; see :meth:`Verdict.plot`."""
    points = [single_column(random_ranks, "random points")]
    drawn: dict[str, Callable[[Axes], object]] = {
        "calibration": lambda ax: ranks.plot_ecdf(ax),
        "coverage": lambda ax: expected_coverage(ranks).plot(ax),
        "random points": lambda ax: plot_ecdf(points, ranks.n_samples, ax),
        "observation": lambda ax: _plot_distances(features, ax),
        "classifier": lambda ax: _plot_null(classifiers.everywhere, ax),
        "local classifier": lambda ax: _plot_null(classifiers.here, ax),
    }
    if local_ranks is not None:
        drawn["at the observation"] = lambda ax: local_ranks.plot_ecdf(ax)
    if weights is not None:
        drawn["importance weights"] = lambda ax: _plot_weights(weights, ax)
    axes = panels(
        len(drawn),
        None,
        "Verdict.plot",
        size=(6.0, 2.9),
        n_columns=2,
        one_scale=False,
    )
    for axis, (name, draw) in zip(axes, drawn.items(), strict=True):
        draw(axis)
        axis.set_title(name, fontsize=10)
        axis.yaxis.label.set_fontsize(8)
        axis.legend(fontsize=8, frameon=False)
    axes[0].figure.suptitle(textwrap.fill(title, 90), fontsize=11)
    return axes


def _plot_distances(features: DataFeatures, ax: Axes) -> None:
    for number, (name, away) in enumerate(features.distances.items()):
        away = away / np.median(away)
        color = COLORS[number]
        style = {
            "color": color,
            "alpha": 0.4,
            "label": f"{name} of simulations",
        }
        ax.hist(away[:-1], 30, density=True, **style)
        ax.axvline(away[-1], color=color, label=f"{name} observed")
    ax.set(xlabel="distance from the middle / its median", ylabel="density")


def _plot_null(found: ClassifierNull, ax: Axes) -> None:
    label = "correct posterior"
    ax.hist(found.null, 40, density=True, color="0.75", label=label)
    ax.axvline(found.statistic, color=COLORS[0], label="found")
    ax.set(xlabel="statistic", ylabel="density")


def _plot_weights(weights: SmoothedWeights, ax: Axes) -> None:
    values: Float[np.ndarray, " draws"] = np.exp(
        np.sort(weights.log_weights)[::-1]
    )
    share = np.arange(1, len(values) + 1) / len(values)
    ax.plot(share, np.cumsum(values), color=COLORS[0], label="found")
    ax.plot([0, 1], [0, 1], color="0.45", linewidth=0.8, label="equal weights")
    ax.set(
        xlabel="share of the draws, largest weights first",
        ylabel="share of the weight",
        xlim=(0, 1),
        ylim=(0, 1),
    )
