"""Text output of a benchmark."""

from collections.abc import Iterator

from rich.console import Console

from tfmpe.migrate.records.checks import Bench, BenchRow, Side
from tfmpe.migrate.show.table import print_rows, say
from tfmpe.migrate.show.words import counted, in_bytes, in_seconds, ratio

_ABOUT = (
    "Times are medians of one call; +-: half the interquartile range. Ratio: "
    "old divided by new, or by the bridge if the core has no such call. CPU: "
    "time of all processors. Bytes: size of the result; if compiled as a "
    "whole, of results and temporaries (XLA). Compile: extra time of the "
    "first call; if compiled as a whole, compilation time."
)
_HEADINGS = (
    *("sites", "old", "old +-", "new", "new +-", "ratio", "bridge"),
    *("old CPU", "new CPU", "old/new CPU", "old bytes", "new bytes", "ratio"),
    *("old compile", "new compile", "case"),
)
_OPTIONAL = [h for h in _HEADINGS if h.endswith(("+-", "CPU", "compile"))]
_GROWTH = "Growth: exponent of the number of sites; ratios at the largest size"
_GROWTH_HEADINGS = (
    *("old", "new", "old bytes", "new bytes", "sites", "ratio", "bytes ratio"),
    "case",
)


def print_bench(bench: Bench, console: Console) -> None:
    """Print the measurements, their growth, and the checks."""
    say(console, _ABOUT)
    console.print()
    rows = [(case.case, row) for case in bench.cases for row in case.rows]
    cells = [_measured(name, row) for name, row in rows if row.sides]
    print_rows(console, _HEADINGS, cells, optional=_OPTIONAL)
    console.print(f"\n{_GROWTH}")
    print_rows(console, _GROWTH_HEADINGS, _grown(bench))
    console.print()
    for name, row in rows:
        for side, reason in row.left_out.items():
            place = f"{name}, {counted(row.sites, 'site')}"
            say(console, f"{place}: {side}: {reason}")
    calls = sum(each.tally.compared for each in bench.recordings)
    old = "the built-in oracle" if bench.old == "oracle" else bench.old
    made = f"{counted(calls, 'recorded call')} replayed"
    say(console, f"The old side is {old}; {made}")
    for difference in bench.differences:
        say(console, f"DIFFERENT {difference}")
    if bench.exit_code == 3:
        say(console, "nothing was compared")


def _pair(row: BenchRow, what: str) -> tuple[float | None, float | None]:
    old, new = row.sides.get("old"), row.newest
    return old and getattr(old, what), new and getattr(new, what)


def _measured(name: str, row: BenchRow) -> tuple[str, ...]:
    old, new, bridge = map(row.sides.get, ("old", "new", "bridge"))
    cpu, size = _pair(row, "cpu_s"), _pair(row, "bytes")
    return (
        f"{row.sites:,}",
        *_time(old),
        *_time(new),
        ratio(*_pair(row, "median_s")),
        _time(bridge)[0],
        *map(in_seconds, cpu),
        ratio(*cpu),
        *map(in_bytes, size),
        ratio(*size),
        *map(in_seconds, _pair(row, "compile_s")),
        name,
    )


def _time(side: Side | None) -> tuple[str, str]:
    if side is None or side.quartiles_s is None:
        return in_seconds(side and side.median_s), "-"
    first, third = side.quartiles_s
    spread = (third - first) / 2 / side.median_s
    return in_seconds(side.median_s), f"{spread:.0%}"


def _grown(bench: Bench) -> Iterator[tuple[str, ...]]:
    for case in bench.cases:
        rows = {row.sites: row for row in case.rows if row.both}
        if not rows:
            continue
        last = rows[max(rows)]
        newest = "new" if "new" in last.sides else "bridge"
        fits = [
            case.growth.get(side, {}).get(what)
            for what in ("seconds", "bytes")
            for side in ("old", newest)
        ]
        yield (
            *("-" if fit is None else f"{fit.exponent:.2f}" for fit in fits),
            f"{last.sites:,}",
            ratio(*_pair(last, "median_s")),
            ratio(*_pair(last, "bytes")),
            f"{case.case}: {case.about}; samples: {case.n_samples:,}",
        )
