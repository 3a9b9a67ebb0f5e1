"""Plots of posterior predictive draws (extra ``plot``)."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, Num

from tfmpe.estimators._checks.key_predictive import (
    KeyPredictive,
    central_interval,
)
from tfmpe.estimators._figures import N_COLUMNS, OUTSIDE, label_of, panels
from tfmpe.estimators._types import Axes, SomeAxes

_MAX_PANELS = 12
_MAX_BORDERS = 60
_WIDE: dict[str, Any] = {"color": "#9ecae1", "label": "90% of draws"}
_MIDDLE: dict[str, Any] = {"color": "#3182bd", "label": "50% of draws"}
# Inside and outside differ in shape and in color.
_INSIDE: dict[str, Any] = {"color": "black", "marker": "o", "label": "observed"}
_OUTSIDE: dict[str, Any] = {
    "color": "#d55e00",
    "marker": "X",
    "label": "observed, outside 90%",
}


class _Panel(NamedTuple):
    """Content of one Axes: some tokens, and the index of one value in them."""

    title: str
    tokens: Int[np.ndarray, " tokens"]
    value: int
    x: Num[np.ndarray, " tokens"]


def plot_predictive(
    key: KeyPredictive,
    ax: SomeAxes | None,
    sample: int,
    groups: Iterable[int] | None,
) -> np.ndarray:
    """Plot one key; see :meth:`PosteriorPredictive.plot`."""
    one_axes = ax is not None and np.ndim(np.asarray(ax, object)) == 0
    by_token = key.inputs is None or (
        one_axes and groups is None and _n_groups(key) > 1
    )
    shown = _panels(key, sample, groups, by_token)
    # One wide panel for all tokens, or small panels for groups.
    grouped = len(shown) > key.entry.width
    size, n_columns = ((2.7, 2.1), N_COLUMNS) if grouped else ((7.5, 2.9), 1)
    # Values of one token may have different units.
    axes = panels(
        len(shown),
        ax,
        "PosteriorPredictive.plot",
        size,
        n_columns,
        one_scale=key.entry.width == 1,
    )
    for axis, panel in zip(axes, shown, strict=False):
        _draw(axis, key, sample, panel)
        axis.set_xlabel("token" if by_token else "functional input")
        if by_token:
            _draw_borders(axis, key)
    corner = axes[min(len(axes), n_columns) - 1]
    corner.legend(handles=_legend(), **OUTSIDE)
    return axes


def _panels(
    key: KeyPredictive, row: int, groups: Iterable[int] | None, by_token: bool
) -> list[_Panel]:
    entry = key.entry
    name = label_of(entry.name)
    tokens = np.arange(entry.n_tokens)
    if by_token or key.inputs is None:
        parts = [(name, tokens, tokens)]
    else:
        outer = entry.event_shape[:-1]
        members = tokens.reshape((_n_groups(key), -1))
        parts = []
        if groups is None:
            n = min(len(members), max(_MAX_PANELS // max(entry.width, 1), 1))
            groups = np.linspace(0, len(members) - 1, n).round().astype(int)
        for group in groups:
            tokens = members[group]
            place = ", ".join(str(i) for i in np.unravel_index(group, outer))
            title = f"{name}[{place}]" if outer else name
            parts.append((title, tokens, key.inputs[row, tokens, 0]))
    return [
        _Panel(
            title + (f", value {value}" if entry.width > 1 else ""),
            tokens,
            value,
            x,
        )
        for title, tokens, x in parts
        for value in range(entry.width)
    ]


def _n_groups(key: KeyPredictive) -> int:
    """Return the number of indices of all event axes but the last."""
    return max(math.prod(key.entry.event_shape[:-1]), 1)


def _draw(ax: Axes, key: KeyPredictive, row: int, panel: _Panel) -> None:
    place = (row, panel.tokens, panel.value)
    real = key.real[place]
    x = panel.x[real]
    draws = key.simulated[:, *place][:, real]
    observed = key.observed[place][real]
    wide, middle = (central_interval(draws, level) for level in (0.9, 0.5))
    points = ax.get_window_extent().width * 72 / ax.figure.dpi
    size = float(np.clip(0.4 * points / max(len(x), 1), 0.6, 6))
    for ends, style, width in ((wide, _WIDE, 0.5), (middle, _MIDDLE, 1.0)):
        ax.vlines(x, *ends, color=style["color"], linewidth=width * size)
    inside = (wide[0] <= observed) & (observed <= wide[1])
    area = float(np.clip(size**2, 4, 20))
    for style, which, s in (
        (_INSIDE, inside, area),
        (_OUTSIDE, ~inside, 2 * area),
    ):
        ax.scatter(
            x[which], observed[which], s=s, linewidth=0, zorder=3, **style
        )
    ax.set_title(panel.title, fontsize=9)


def _draw_borders(ax: Axes, key: KeyPredictive) -> None:
    """Separate the groups of tokens, if there are not too many."""
    n_groups = _n_groups(key)
    if n_groups <= _MAX_BORDERS:
        size = key.entry.n_tokens // n_groups
        for group in range(1, n_groups):
            ax.axvline(group * size - 0.5, color="0.8", linewidth=0.6)


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    bars = ((_MIDDLE, 5.0), (_WIDE, 2.5))
    dots = {"linestyle": "", "markeredgewidth": 0}
    return [
        *(Line2D([], [], linewidth=width, **style) for style, width in bars),
        *(Line2D([], [], **dots, **style) for style in (_INSIDE, _OUTSIDE)),
    ]
