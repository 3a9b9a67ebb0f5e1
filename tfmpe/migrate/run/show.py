"""Text output of `tfmpe run` and `tfmpe record`, in 80 columns."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from rich.console import Console

from tfmpe.migrate.catalogue import advice_of
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.records.parity import Largest, Tally
from tfmpe.migrate.records.runs import (
    Calls,
    ComparedCalls,
    Recorded,
    Run,
    Shadow,
)
from tfmpe.migrate.show.table import print_rows, say
from tfmpe.migrate.show.words import counted

from .observe import Site

_MAX_SHOWN = 10


def print_run(report: Run, console: Console) -> None:
    """Print calls by file and line, advice, and warnings by code."""
    rows = [
        (each, (each.calls, each.function.removeprefix(f"{LEGACY}.")), "")
        for each in report.calls
    ]
    _print_by_file(console, ("calls", "legacy function"), rows)
    for function in sorted({each.function for each in report.calls}):
        advice = advice_of(function)
        if advice is not None:
            name = function.removeprefix(f"{LEGACY}.")
            say(console, f"{advice.code} {name} -> {advice.becomes}")
    _print_end(console, report)
    total = sum(each.calls for each in report.calls)
    say(
        console,
        f"{counted(total, 'legacy call')} from "
        f"{counted(len(report.calls), 'place')}, "
        f"{counted(sum(w.count for w in report.warnings), 'warning')}; "
        f"the script exited with code {report.exit_code}",
    )


def print_shadow(report: Shadow, console: Console) -> None:
    """Print one row per line of the script, differences, and a summary."""
    headings = (
        "equal",
        "close",
        "differ",
        "max abs",
        "max rel",
        "legacy function",
    )
    rows = [
        (row, _cells(row), "red" if row.tally.different else "")
        for row in report.calls
    ]
    _print_by_file(console, headings, rows)
    for found in report.differences[:_MAX_SHOWN]:
        style = "yellow" if found.difference.tolerated else "red"
        site = Site(found.function, found.place)
        say(console, f"{site}, call {found.call}", style)
        say(console, f"  {found.difference}")
        if found.layer is not None:
            say(console, f"  first layer that differs: {found.layer}")
    more = len(report.differences) - _MAX_SHOWN
    if more > 0:
        say(console, f"and {counted(more, 'more difference')} (see --json)")
    for left in report.not_compared:
        site = Site(left.function, left.place)
        say(console, f"not compared: {site}: {left.why}", "yellow")
    _print_end(console, report)
    if report.saved is not None:
        say(console, f"{counted(report.saved, 'call')} saved for replay")
    tally = sum((row.tally for row in report.calls), Tally())
    code = report.script_exit_code
    ended = f"; the script exited with code {code}" if code else ""
    say(
        console,
        f"{counted(tally.compared, 'call')} compared: {tally.identical} "
        f"identical, {tally.within_tolerance} within tolerance, "
        f"{tally.different} different{ended}",
        "bold green" if report.exit_code == 0 else "bold red",
    )


def print_record(report: Recorded, folder: str, console: Console) -> None:
    """Print recorded calls by function, omitted calls, and a summary."""
    rows = [
        (each.cases, each.repeated, each.left_out, each.function)
        for each in report.functions
    ]
    if rows:
        headings = ("cases", "repeated", "left out", "legacy function")
        print_rows(console, headings, rows)
    for each in report.functions:
        if each.opaque:
            given = f"{each.function} received {', '.join(each.opaque)}"
            say(console, f"cannot be replayed: {given}", "yellow")
    for name, why in report.not_recorded.items():
        say(console, f"not recorded: {name}: {why}", "yellow")
    _print_end(console, report)
    n_cases = sum(each.cases for each in report.functions)
    text = "no calls were recorded, and no folder was written"
    if n_cases:
        text = f"{counted(n_cases, 'case')} in {folder}"
    code = report.script_exit_code
    say(console, f"{text}; the script exited with code {code}")


def _cells(row: ComparedCalls) -> tuple[object, ...]:
    tally, name = row.tally, Site(row.function, row.place).name
    return (
        tally.identical,
        tally.within_tolerance,
        tally.different,
        _size(tally.absolute),
        _size(tally.relative),
        name if row.mode == "eager" else f"{name} (traced)",
    )


def _size(largest: Largest | None) -> str:
    return "0" if largest is None else f"{largest.number:.1e}"


def _print_by_file(
    console: Console,
    headings: tuple[str, ...],
    rows: Iterable[tuple[Calls | ComparedCalls, tuple[object, ...], str]],
) -> None:
    """Print a table for every file, below the full name of the file."""
    placed = [
        (call.place.file, call.place.cell or 0, call.place.line, cells, style)
        for call, cells, style in rows
    ]
    by_place = sorted(placed, key=lambda row: row[:3])
    for file, group in groupby(by_place, key=lambda row: row[0]):
        listed = list(group)
        say(console, file, "bold")
        print_rows(
            console,
            ("line", *headings),
            [
                (f"cell {cell}:{line}" if cell else line, *cells)
                for _, cell, line, cells, _ in listed
            ],
            optional=["max rel"] if "max rel" in headings else (),
            styles=[row[-1] for row in listed],
        )
        console.print()


def _print_end(console: Console, report: Run | Shadow | Recorded) -> None:
    listed = "; ".join(f"cell {x.cell}: {x.text}" for x in report.not_run)
    if listed:
        say(console, f"skipped IPython lines: {listed}", "yellow")
    counts: Counter[str] = Counter()
    for warning in () if isinstance(report, Recorded) else report.warnings:
        counts[warning.code] += warning.count
    if counts:
        times = (f"{c} {counted(n, 'time')}" for c, n in counts.items())
        codes = ", ".join(times)
        say(console, f"legacy warnings: {codes} (see MIGRATION.md)", "yellow")
