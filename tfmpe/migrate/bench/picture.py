"""Old against new as a picture: seconds and bytes by the number of sites."""

import io
from typing import Any

from tfmpe.migrate.records.checks import Bench

from .growth import series

__all__ = ["as_png"]

_COLUMNS = 4
# Told apart in grey as well, by dashes and marks.
_SIDES: dict[str, dict[str, Any]] = {
    "old": {"color": "#b2182b", "marker": "o"},
    "new": {"color": "#2166ac", "marker": "s"},
}
_WHAT = {"median_s": ("s", "-"), "bytes": ("B", ":")}


def as_png(bench: Bench) -> bytes:
    """Draw a panel for every case, as a PNG file, both axes logarithmic.

    Needs matplotlib (extra ``plot``).
    """
    # A figure of its own, not pyplot's: no window, whatever the backend.
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, NullFormatter

    cases = [case for case in bench.cases if any(r.sides for r in case.rows)]
    n_columns = min(_COLUMNS, max(1, len(cases)))
    n_rows = max(1, -(-len(cases) // n_columns))
    size = (1.2 + 3.1 * n_columns, 1.0 + 2.4 * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    lines: dict[str, Any] = {}
    for number, case in enumerate(cases):
        axes = figure.add_subplot(n_rows, n_columns, number + 1)
        axes.set_title(case.case, fontsize=10)
        axes.set_xlabel("sites")
        axes.grid(alpha=0.25, lw=0.5)
        has_new = any("new" in row.sides for row in case.rows)
        measured = {"old": "old", "new": "new" if has_new else "bridge"}
        for what, (unit, dashes) in _WHAT.items():
            on = axes if what == "median_s" else axes.twinx()
            for side, style in _SIDES.items():
                found = series(case.rows, measured[side], what)
                (line,) = on.plot(*found, ls=dashes, ms=3.5, lw=1.3, **style)
                name = "seconds" if unit == "s" else what
                lines.setdefault(f"{side}, {name}", line)
            on.set(xscale="log", yscale="log")
            on.tick_params(labelsize=8)
            on.yaxis.set_major_formatter(EngFormatter(unit))
            on.yaxis.set_minor_formatter(NullFormatter())
    if lines:
        place = "outside upper center"
        figure.legend(lines.values(), lines.keys(), loc=place, ncols=4)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()
