"""Defect L47: a test's plot left open, labeled 95% and cut off at 0.25."""

from collections.abc import Collection
from typing import Any, NamedTuple


class PlotStyle(NamedTuple):
    """Properties of the plot that depend on the defect.

    Attributes
    ----------
    label : str
        Label of the interval.
    limits : tuple of float
        Limits of the horizontal axis.
    closes : bool
        Whether the figure is closed.
    """

    label: str
    limits: tuple[float, float]
    closes: bool


def plot_style(
    conf_alpha: float, largest: Any, fixes: Collection[str]
) -> PlotStyle:
    """Return the style of the plot, given the largest statistic."""
    if "L47" in fixes:
        limits = (-0.01, max(0.25, 1.05 * float(largest)))
        return PlotStyle(f"{100 * (1 - conf_alpha):g}% CI", limits, True)
    return PlotStyle("95% CI", (-0.01, 0.25), False)
