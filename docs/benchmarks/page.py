"""A page of Markdown and a picture of what `tfmpe bench --json` wrote.

Writes ``cpu.md`` and ``cpu.png`` beside ``cpu.json``; needs matplotlib::

    python docs/benchmarks/page.py docs/benchmarks/cpu.json
"""

import io
import sys
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter
from rich.console import Console

from tfmpe.migrate.bench.growth import series
from tfmpe.migrate.bench.table import print_bench
from tfmpe.migrate.records.files import read_record

# WIDTH characters fit beside the menu of a page.
WIDTH, COLUMNS = 90, 4
# Told apart in gray as well, by dashes and marks.
SIDES = {
    "old": {"color": "#b2182b", "marker": "o"},
    "new": {"color": "#2166ac", "marker": "s"},
}
SECONDS = EngFormatter("s", places=1)
WHAT = {"median_s": ("seconds", "s", "-"), "bytes": ("bytes", "B", ":")}


def draw(bench):
    """Draw a panel for every case, both axes logarithmic."""
    cases = [case for case in bench.cases if any(r.sides for r in case.rows)]
    n_columns = min(COLUMNS, max(1, len(cases)))
    n_rows = max(1, -(-len(cases) // n_columns))
    size = (1.2 + 3.1 * n_columns, 1.0 + 2.4 * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    lines = {}
    for number, case in enumerate(cases):
        axes = figure.add_subplot(n_rows, n_columns, number + 1)
        axes.set_title(case.case, fontsize=10)
        axes.set_xlabel("sites")
        axes.grid(alpha=0.25, lw=0.5)
        has_new = any("new" in row.sides for row in case.rows)
        measured = {"old": "old", "new": "new" if has_new else "bridge"}
        for what, (name, unit, dashes) in WHAT.items():
            on = axes if what == "median_s" else axes.twinx()
            for side, style in SIDES.items():
                found = series(case.rows, measured[side], what)
                (line,) = on.plot(*found, ls=dashes, ms=3.5, lw=1.3, **style)
                lines.setdefault(f"{side}, {name}", line)
            on.set(xscale="log", yscale="log")
            on.tick_params(labelsize=8)
            on.yaxis.set_major_formatter(EngFormatter(unit))
            on.yaxis.set_minor_formatter(NullFormatter())
    if lines:
        place = "outside upper center"
        figure.legend(lines.values(), lines.keys(), loc=place, ncols=4)
    return figure


def answers(bench):
    """Return a table of both sides at the largest size that both can do."""
    yield "| case | sites | old | new | times faster | times smaller |"
    yield "|---|---|---|---|---|---|"
    for case in bench.cases:
        rows = [row for row in case.rows if row.both]
        if rows:
            old, new = rows[-1].both
            times = [SECONDS(side.median_s) for side in (old, new)]
            ratios = [getattr(old, what) / getattr(new, what) for what in WHAT]
            ratios = [f"{x:,.{0 if x >= 100 else 2}f}" for x in ratios]
            cells = [case.case, f"{rows[-1].sites:,}", *times, *ratios]
            yield f"| {' | '.join(cells)} |"


def describe(bench, picture):
    """Return the page: the machine, the picture with that name, the tables."""
    about, where = bench.machine, "machine"
    if about["device"] != "cpu":
        where = f"machine with {about['device_kind']}"
    lines = io.StringIO()
    print_bench(bench, Console(file=lines, width=WIDTH))
    text = "\n".join(line.rstrip() for line in lines.getvalue().splitlines())
    return (
        f"# Old against new: {about['device'].upper()}\n\n"
        + "\n".join(answers(bench))
        + "\n\nTimes of one call, at the largest size that both sides can do.\n"
        f"Measured on a {about['cores']}-core {about['architecture']} {where}, "
        f"{about['system']},\nPython {about['python']}, jax {about['jax']}, "
        f"numpy {about['numpy']}.\nWhat is measured, and how: "
        "[README.md](README.md).\n\n"
        f"![Time and memory of old and new]({picture})\n\n"
        f"```text\n{text}\n```\n"
    )


def main(files):
    """Write a page and a picture beside every file."""
    for file in map(Path, files):
        bench, picture = read_record(file), file.with_suffix(".png")
        draw(bench).savefig(picture, dpi=150)
        page = describe(bench, picture.name)
        file.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
