"""Ranks and coverage as pictures (extra ``plot``)."""

import math
from typing import Any

import numpy as np

from tfmpe._base.extras import import_extra
from tfmpe.estimators._checks.coverage import ExpectedCoverage, binomial_band
from tfmpe.estimators._checks.ranks import JOINT, CalibrationRanks
from tfmpe.estimators._checks.uniformity import RankColumns
from tfmpe.preprocessing.show.text import printable, shorten

# Told apart by every kind of colour vision (Okabe and Ito), and by dashes.
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
)
_DASHES = ("-", "--", ":")
_BAND: dict[str, Any] = {"color": "0.87", "linewidth": 0, "zorder": 0}
_LINE: dict[str, Any] = {"color": "0.45", "linewidth": 0.8}
_BAND_LABEL = "99% of right draws"
N_COLUMNS = 4
_MAX_BINS = 20
_N_REPEATS = 4000


def plot_ranks(ranks: CalibrationRanks, ax: Any) -> np.ndarray:
    """Plot a histogram for each key; see :meth:`CalibrationRanks.plot`."""
    columns = [*ranks.columns(), _distances(ranks)]
    axes = panels(len(columns), ax, "CalibrationRanks.plot")
    for axis, each in zip(axes, columns, strict=False):
        _draw_histogram(axis, each, ranks.n_samples)
    axes[0].set_ylabel("share / uniform share")
    return axes


def plot_ecdf(ranks: CalibrationRanks, ax: Any) -> Any:
    """Plot differences of ECDFs; see :meth:`CalibrationRanks.plot_ecdf`."""
    ax = new_axes(ax, "CalibrationRanks.plot_ecdf")
    n_ranks = ranks.n_samples + 1
    # Below each place lies a whole number of ranks.
    places = np.arange(1, n_ranks) / n_ranks
    lower, upper = _simultaneous_band(ranks.n_simulations, places)
    band = {**_BAND, "label": _BAND_LABEL}
    ax.fill_between(places, lower - places, upper - places, **band)
    ax.axhline(0, **_LINE)
    for number, each in enumerate([*ranks.columns(), _distances(ranks)]):
        found = each.ranks[each.real]
        if found.size:
            counts = np.bincount(found, minlength=n_ranks)
            below = np.cumsum(counts)[:-1] / found.size
            ax.plot(places, below - places, **_style(number, each.name))
    ax.set(
        xlabel="rank / number of ranks",
        ylabel="share below, less the uniform one",
        xlim=(0, 1),
    )
    _legend(ax)
    return ax


def plot_coverage(coverage: ExpectedCoverage, ax: Any) -> Any:
    """Plot coverage; see :meth:`ExpectedCoverage.plot`."""
    ax = new_axes(ax, "ExpectedCoverage.plot", (5.6, 3.6))
    band = {**_BAND, "label": _BAND_LABEL}
    ax.fill_between(coverage.levels, *coverage.band(), **band)
    ax.plot([0, 1], [0, 1], **_LINE)
    for number, (name, values) in enumerate(coverage.curves().items()):
        if values.size:
            style = _style(number, name)
            ax.plot(coverage.levels, values.mean(1), **style)
    ax.set(
        xlabel="nominal coverage",
        ylabel="empirical coverage",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    _legend(ax)
    return ax


def new_axes(ax: Any, what: str, size: tuple[float, float] = (6.4, 3.6)) -> Any:
    """Return the axes that were given, or those of a new figure."""
    pyplot = require_pyplot(what)
    if ax is None:
        _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax


def panels(
    n: int,
    ax: Any,
    what: str,
    size: tuple[float, float] = (2.3, 2.1),
    n_columns: int = N_COLUMNS,
    one_scale: bool = True,
) -> np.ndarray:
    """Return at most ``n`` axes: those that were given, or new ones."""
    pyplot = require_pyplot(what)
    if ax is not None:
        return np.atleast_1d(np.asarray(ax, object)).reshape(-1)[:n]
    n_columns = min(n, n_columns)
    n_rows = math.ceil(n / n_columns)
    figure, axes = pyplot.subplots(
        n_rows,
        n_columns,
        figsize=(size[0] * n_columns + 0.5, size[1] * n_rows + 0.3),
        layout="constrained",
        sharey=one_scale,
        squeeze=False,
    )
    axes = axes.reshape(-1)
    for spare in axes[n:]:
        figure.delaxes(spare)
    return axes[:n]


def require_pyplot(what: str) -> Any:
    """Return pyplot, or say how to install it."""
    return import_extra(
        "matplotlib.pyplot",
        "plot",
        f"{what} needs matplotlib",
        ", or use summary() for text",
    )


def label_of(name: str) -> str:
    """Return a key's name as it stands in a picture."""
    label = shorten(printable(name), 24).replace("$", r"\$")
    # Matplotlib leaves labels that begin with an underscore out of legends.
    return f" {label}" if label.startswith("_") else label


def _distances(ranks: CalibrationRanks) -> RankColumns:
    """Return the joint ranks of distances as one column."""
    joint = ranks.joint_columns()
    return joint._replace(ranks=joint.together[:, 1:], real=joint.some[:, None])


def _draw_histogram(ax: Any, columns: RankColumns, n_samples: int) -> None:
    n_ranks = n_samples + 1
    n = int(columns.real.any(1).sum())
    edges = np.linspace(0, n_ranks, _n_bins(n_ranks, n) + 1)
    shares = np.diff(np.ceil(edges)) / n_ranks
    found = columns.ranks[columns.real]
    counts, _ = np.histogram(found, edges)
    if n:
        lower, upper = (b / shares for b in binomial_band(n, shares))
        band = {**_BAND, "step": "post"}
        ax.fill_between(
            edges, *(np.append(b, b[-1]) for b in (lower, upper)), **band
        )
        heights = counts / (found.size * shares)
        colour = "0.25" if columns.name == JOINT else COLOURS[0]
        ax.bar(
            edges[:-1],
            heights,
            np.diff(edges),
            align="edge",
            color=colour,
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


def _simultaneous_band(
    n: int, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the band that holds 99 of 100 whole ECDFs of uniform ranks.

    Its ends are binomial quantiles of one level at all places, found by
    drawing uniform ranks (Säilynoja et al., 2022).
    """
    from scipy.stats import binom

    rng = np.random.default_rng(0)
    each = np.diff(places, prepend=0, append=1)
    counts = rng.multinomial(n, each, size=_N_REPEATS)[:, :-1].cumsum(1)
    tails = np.minimum(
        binom.cdf(counts, n, places), binom.sf(counts - 1, n, places)
    )
    level = np.quantile(tails.min(1), 0.01)
    lower, upper = (binom.ppf(q, n, places) / n for q in (level, 1 - level))
    return lower, upper


def _style(number: int, name: str) -> dict[str, Any]:
    if name == JOINT:
        return {"color": "black", "linewidth": 2, "label": "joint"}
    n_colours = len(COLOURS)
    return {
        "color": COLOURS[number % n_colours],
        "linestyle": _DASHES[number // n_colours % len(_DASHES)],
        "linewidth": 1.6,
        "label": label_of(name),
    }


def _legend(ax: Any) -> None:
    n = len(ax.get_legend_handles_labels()[1])
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=9,
        ncols=math.ceil(n / 18),
    )
