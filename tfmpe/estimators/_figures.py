"""Figures, Axes and labels of plots (extra ``plot``)."""

import math
from typing import Any

import numpy as np

from tfmpe._base.extras import import_pyplot
from tfmpe.estimators._types import Axes, SomeAxes
from tfmpe.preprocessing.show.text import printable, shorten

OUTSIDE: dict[str, Any] = {
    "loc": "upper left",
    "bbox_to_anchor": (1.02, 1.0),
    "borderaxespad": 0,
    "frameon": False,
    "fontsize": 9,
}
"""Options that place a legend to the right of its Axes."""

N_COLUMNS = 4


def new_axes(
    ax: Axes | None, caller: str, size: tuple[float, float] = (6.4, 3.6)
) -> Axes:
    """Return the given Axes, or the Axes of a new figure."""
    return panels(1, ax, caller, size)[0]


def panels(
    n: int,
    ax: SomeAxes | None,
    caller: str,
    size: tuple[float, float] = (2.4, 2.3),
    n_columns: int = N_COLUMNS,
    one_scale: bool = True,
) -> np.ndarray:
    """Return at most ``n`` Axes: the given ones, or new ones."""
    pyplot = import_pyplot(caller, "summary() for text")
    if ax is not None:
        return np.atleast_1d(np.asarray(ax, object)).reshape(-1)[:n]
    n_columns = min(n, n_columns)
    n_rows = math.ceil(n / n_columns)
    figure, axes = pyplot.subplots(
        n_rows,
        n_columns,
        figsize=(size[0] * n_columns, size[1] * n_rows),
        layout="constrained",
        sharey=one_scale,
        squeeze=False,
    )
    axes = axes.reshape(-1)
    for spare in axes[n:]:
        figure.delaxes(spare)
    return axes[:n]


def label_of(name: str) -> str:
    """Return the name of a key as a plot label."""
    label = shorten(printable(name), 24).replace("$", r"\$")
    # Matplotlib leaves labels that begin with an underscore out of legends.
    return f" {label}" if label.startswith("_") else label
