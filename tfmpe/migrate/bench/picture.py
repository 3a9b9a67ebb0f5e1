"""Old against new as a picture: seconds and bytes by the number of sites."""

import io
import math
from typing import Any

from .report import CaseReport, Report

__all__ = ["as_png"]

_COLUMNS = 4
# Told apart in grey as well, by dashes and marks.
_STYLES = {
    ("old", "seconds"): {"color": "#b2182b", "ls": "-", "marker": "o"},
    ("new", "seconds"): {"color": "#2166ac", "ls": "-", "marker": "s"},
    ("old", "bytes"): {"color": "#b2182b", "ls": ":", "marker": "o"},
    ("new", "bytes"): {"color": "#2166ac", "ls": ":", "marker": "s"},
}


def as_png(report: Report) -> bytes:
    """Draw a panel for every case, both axes logarithmic.

    Parameters
    ----------
    report : Report

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed (extra ``plot``).
    """
    # A figure of its own, not pyplot's: no window, whatever the backend.
    from matplotlib.figure import Figure

    cases = [case for case in report.cases if any(r.sides for r in case.rows)]
    n_rows = max(1, math.ceil(len(cases) / _COLUMNS))
    n_columns = min(_COLUMNS, max(1, len(cases)))
    figure = Figure(
        figsize=(1.2 + 3.1 * n_columns, 1.0 + 2.4 * n_rows),
        layout="constrained",
    )
    lines: dict[str, Any] = {}
    for number, case in enumerate(cases):
        axes = figure.add_subplot(n_rows, n_columns, number + 1)
        right = _panel(case, axes, lines)
        first, last = number % n_columns == 0, (number + 1) % n_columns == 0
        if first:
            axes.set_ylabel("seconds of a call")
        if last or number + 1 == len(cases):
            right.set_ylabel("bytes")
        if number + n_columns >= len(cases):
            axes.set_xlabel("sites")
    if lines:
        figure.legend(
            lines.values(),
            lines.keys(),
            loc="outside upper center",
            ncols=4,
            frameon=False,
        )
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()


def _panel(case: CaseReport, axes: Any, lines: dict[str, Any]) -> Any:
    """Draw a case; return the axes of bytes, on the right."""
    right = axes.twinx()
    newest = "new" if any("new" in row.sides for row in case.rows) else "bridge"
    for (side, what), style in _STYLES.items():
        measured = newest if side == "new" else side
        on = axes if what == "seconds" else right
        sites, values = case.series(measured, what)
        if sites:
            (line,) = on.plot(sites, values, ms=3.5, lw=1.3, **style)
            lines.setdefault(f"{side}, {what}", line)
    for each, unit in ((axes, "s"), (right, "B")):
        each.set_xscale("log")
        each.set_yscale("log")
        _whole_decades(each.yaxis, each.get_ylim(), unit)
        each.tick_params(labelsize=8)
    _whole_decades(axes.xaxis, axes.get_xlim(), "")
    axes.grid(alpha=0.25, lw=0.5)
    axes.set_title(case.name, fontsize=10)
    return right


def _whole_decades(axis: Any, limits: tuple[float, float], unit: str) -> None:
    """Let an axis begin and end at powers of ten, and label those."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    low, high = limits
    low = 10.0 ** math.floor(math.log10(low) + 0.1)
    if not unit:
        low = max(low, 1.0)
    high = 10.0 ** math.ceil(math.log10(high) - 0.1)
    axis.axes.set(
        **{f"{axis.axis_name}lim": (low * 0.8, max(high, 10 * low) * 1.25)}
    )
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(EngFormatter(unit))
    axis.set_minor_formatter(NullFormatter())
