"""What a picture of matplotlib shows: lines, labels, titles and limits."""

from typing import Any

import numpy as np

__all__ = ["axes_seen", "figure_seen"]

_N_LINES = 12
_N_POINTS = 50


def axes_seen(axes: Any) -> dict[str, Any]:
    """Return what axes, or an array of them, show, and close all figures."""
    from matplotlib import pyplot as plt

    one = not isinstance(axes, np.ndarray | list)
    array = np.asarray([axes] if one else axes, dtype=object)
    found = {
        "shape": [] if one else list(array.shape),
        "axes": [_one(each) for each in array.ravel()],
    }
    plt.close("all")
    return found


def figure_seen() -> dict[str, Any]:
    """Return what the current figure shows, and close all figures."""
    from matplotlib import pyplot as plt

    return axes_seen(plt.gcf().axes)


def _one(axes: Any) -> dict[str, Any]:
    legend = axes.get_legend()
    return {
        "lines": [_line(line) for line in axes.lines[:_N_LINES]],
        "n_lines": len(axes.lines),
        "n_patches": len(axes.patches),
        "n_collections": len(axes.collections),
        "xlabel": axes.get_xlabel(),
        "ylabel": axes.get_ylabel(),
        "title": axes.get_title(),
        "legend": legend and [text.get_text() for text in legend.get_texts()],
        "left_spine": bool(axes.spines["left"].get_visible()),
        "y_locator": type(axes.yaxis.get_major_locator()).__name__,
        "xlim": [float(limit) for limit in axes.get_xlim()],
    }


def _line(line: Any) -> dict[str, Any]:
    label = str(line.get_label())
    return {
        "n": len(line.get_xdata()),
        "y": np.asarray(line.get_ydata(), float)[:_N_POINTS],
        "x": np.asarray(line.get_xdata(), float)[:_N_POINTS],
        # A label that matplotlib counts up by itself.
        "label": "_" if label.startswith("_") else label,
    }
