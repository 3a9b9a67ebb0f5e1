"""Plots of ranks and coverage (extra ``plot``)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from tfmpe.estimators._checks.bands import (
    Band,
    binomial_band,
    simultaneous_band,
)
from tfmpe.estimators._checks.uniformity import JOINT, RankColumns
from tfmpe.estimators._figures import OUTSIDE, label_of, new_axes, panels
from tfmpe.estimators._types import Axes, SomeAxes

# Distinct for every kind of color vision (Okabe and Ito); dashes help, too.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DASHES = ("-", "--", ":")
_BAND: dict[str, Any] = {"color": "0.87", "linewidth": 0, "zorder": 0}
_LABELED = {**_BAND, "label": "99% of correct draws"}
_LINE: dict[str, Any] = {"color": "0.45", "linewidth": 0.8}
_MAX_BINS = 20


def plot_ranks(
    columns: Sequence[RankColumns], n_samples: int, ax: SomeAxes | None
) -> np.ndarray:
    """Plot a histogram for each key; see :meth:`CalibrationRanks.plot`."""
    axes = panels(len(columns), ax, "CalibrationRanks.plot")
    for axis, each in zip(axes, columns, strict=False):
        _draw_histogram(axis, _drawn(each), n_samples)
    axes[0].set_ylabel("share / uniform share")
    return axes


def plot_ecdf(
    columns: Sequence[RankColumns], n_samples: int, ax: Axes | None
) -> Axes:
    """Plot differences of ECDFs; see :meth:`CalibrationRanks.plot_ecdf`."""
    ax = new_axes(ax, "CalibrationRanks.plot_ecdf")
    n_ranks = n_samples + 1
    # Below each place lies a whole number of ranks.
    places = np.arange(1, n_ranks) / n_ranks
    lower, upper = simultaneous_band(len(columns[0].ranks), places)
    ax.fill_between(places, lower - places, upper - places, **_LABELED)
    ax.axhline(0, **_LINE)
    for number, each in enumerate(map(_drawn, columns)):
        found = each.ranks[each.real]
        if found.size:
            counts = np.bincount(found, minlength=n_ranks)
            below = np.cumsum(counts)[:-1] / found.size
            ax.plot(places, below - places, **_style(number, each.name))
    ax.set(
        xlabel="rank / number of ranks",
        ylabel="share below, minus the uniform share",
        xlim=(0, 1),
    )
    _add_legend(ax)
    return ax


def plot_coverage(
    levels: Float[np.ndarray, " levels"],
    curves: Mapping[str, Float[np.ndarray, "levels _"]],
    band: Band,
    ax: Axes | None,
) -> Axes:
    """Plot coverage; see :meth:`ExpectedCoverage.plot`."""
    ax = new_axes(ax, "ExpectedCoverage.plot", (5.6, 3.6))
    ax.fill_between(levels, *band, **_LABELED)
    ax.plot([0, 1], [0, 1], **_LINE)
    for number, (name, values) in enumerate(curves.items()):
        if values.size:
            ax.plot(levels, values.mean(1), **_style(number, name))
    ax.set(
        xlabel="nominal coverage",
        ylabel="empirical coverage",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    _add_legend(ax)
    return ax


def _drawn(columns: RankColumns) -> RankColumns:
    """Return the ranks to draw; for the joint entry, ranks of distances."""
    if columns.name != JOINT:
        return columns
    return columns._replace(
        ranks=columns.together[:, 1:], real=columns.some[:, None]
    )


def _draw_histogram(ax: Axes, columns: RankColumns, n_samples: int) -> None:
    n_ranks = n_samples + 1
    n = int(columns.real.any(1).sum())
    edges = np.linspace(0, n_ranks, _n_bins(n_ranks, n) + 1)
    shares = np.diff(np.ceil(edges)) / n_ranks
    found = columns.ranks[columns.real]
    if n:
        lower, upper = (
            np.append(ends, ends[-1]) / np.append(shares, shares[-1])
            for ends in binomial_band(n, shares)
        )
        ax.fill_between(edges, lower, upper, step="post", **_BAND)
        counts, _ = np.histogram(found, edges)
        ax.bar(
            edges[:-1],
            counts / (found.size * shares),
            np.diff(edges),
            align="edge",
            color="0.25" if columns.name == JOINT else COLORS[0],
            alpha=0.55,
            edgecolor="white",
            linewidth=0.5,
        )
    ax.axhline(1, **_LINE)
    n_values = columns.ranks.shape[1]
    title = label_of(columns.name)
    if columns.name == JOINT:
        title = "distance (joint)"
    elif n_values > 1:
        title += f": {n_values} values"
    ax.set_title(title, fontsize=9)
    ax.set(xlim=(0, n_ranks), xlabel="rank")


def _n_bins(n_ranks: int, n: int) -> int:
    """Return a number of bins that divides the ranks evenly, if one does."""
    most = max(2, min(_MAX_BINS, n_ranks, n // 10))
    even = [bins for bins in range(2, most + 1) if n_ranks % bins == 0]
    return even[-1] if even and even[-1] > most // 3 else most


def _style(number: int, name: str) -> dict[str, Any]:
    if name == JOINT:
        return {"color": "black", "linewidth": 2, "label": "joint"}
    return {
        "color": COLORS[number % len(COLORS)],
        "linestyle": _DASHES[number // len(COLORS) % len(_DASHES)],
        "linewidth": 1.6,
        "label": label_of(name),
    }


def _add_legend(ax: Axes) -> None:
    n = len(ax.get_legend_handles_labels()[1])
    ax.legend(ncols=math.ceil(n / 18), **OUTSIDE)
