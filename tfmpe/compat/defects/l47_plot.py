"""Defect L47: a test's plot left open, labeled 95 % and cut off at 0.25."""

from collections.abc import Collection
from typing import Any, NamedTuple


class PlotStyle(NamedTuple):
    """What depends on the defect.

    Attributes
    ----------
    label : str
        Of the interval.
    limits : tuple of float
        Of the horizontal axis.
    closes : bool
        Whether the figure is closed.
    """

    label: str
    limits: tuple[float, float]
    closes: bool


def plot_style(
    conf_alpha: float, largest: Any, fixes: Collection[str]
) -> PlotStyle:
    """Return how to draw a test whose largest statistic is given."""
    if "L47" in fixes:
        limits = (-0.01, max(0.25, 1.05 * float(largest)))
        return PlotStyle(f"{100 * (1 - conf_alpha):g}% CI", limits, True)
    return PlotStyle("95% CI", (-0.01, 0.25), False)
