"""What `tfmpe run` and `tfmpe record` print at the end.

Needs `rich` (extra `cli`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console

from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.replay.comparison import Extreme
from tfmpe.migrate.show.table import print_rows, say
from tfmpe.migrate.show.words import counted

from .call_sites import Site
from .counting import SeenWarning
from .notebook import NotRun
from .recorded_run import RecordReport
from .running import RunReport
from .shadow_report import CallRow, ShadowReport

__all__ = ["print_record", "print_run", "print_shadow"]

_MAX_SHOWN = 10


def print_run(report: RunReport, console: Console) -> None:
    """Print the calls by file and line, and the warnings by code.

    Parameters
    ----------
    report
        What running a script showed.
    console
        Where to print; 80 columns suffice.
    """
    rows = [
        (site, number, site.function.removeprefix(f"{LEGACY}."))
        for site, number in report.calls
    ]
    _print_by_file(console, ("calls", "legacy function"), rows)
    total = sum(number for _, number in report.calls)
    _print_not_run(report.not_run, console)
    _print_warnings(report.warnings, console)
    say(
        console,
        f"{counted(total, 'legacy call')} from "
        f"{counted(len(report.calls), 'place')}, "
        f"{counted(sum(w.count for w in report.warnings), 'warning')}; "
        f"the script ended with {report.exit_code}",
    )


def print_shadow(report: ShadowReport, console: Console) -> None:
    """Print one row per line of the script, what differs, and a summary.

    Parameters
    ----------
    report
        What running a script on both sides showed.
    console
        Where to print; 80 columns suffice.
    """
    _print_calls(report.calls, console)
    for number, found in enumerate(report.differences):
        if number == _MAX_SHOWN:
            rest = len(report.differences) - number
            more = counted(rest, "more difference")
            say(console, f"and {more} (see --json)")
            break
        style = "yellow" if found.difference.tolerated else "red"
        place = f"{_bare(found.site)} from {found.site.place}"
        say(console, f"{place}, call {found.call}", style)
        say(console, f"  {found.difference}")
    for entry in report.not_compared:
        place = f"{_bare(entry.site)} from {entry.site.place}"
        say(console, f"not compared: {place}: {entry.why}", "yellow")
    _print_not_run(report.not_run, console)
    for note in report.notes:
        say(console, f"{_bare(note.site)} from {note.site.place}: {note.text}")
    _print_warnings(report.warnings, console)
    if report.saved is not None:
        say(console, f"{counted(report.saved, 'call')} saved for replay")
    _print_summary(report, console)


def print_record(report: RecordReport, folder: str, console: Console) -> None:
    """Print what was recorded by function, what was not, and a summary.

    Parameters
    ----------
    report
        What recording a script gave.
    folder
        Where it was written.
    console
        Where to print; 80 columns suffice.
    """
    if report.cases:
        headings = ("cases", "repeated", "left out", "legacy function")
        rows = [(*counts, name) for name, counts in report.cases.items()]
        print_rows(console, headings, rows)
    for name, texts in report.opaque.items():
        text = f"cannot be replayed: {name} was given {', '.join(texts)}"
        say(console, text, "yellow")
    for name, why in report.not_recorded.items():
        say(console, f"not recorded: {name}: {why}", "yellow")
    _print_not_run(report.not_run, console)
    if report.n_cases:
        text = f"{counted(report.n_cases, 'case')} in {folder}"
    else:
        text = "nothing was recorded, and nothing written"
    say(console, f"{text}; the script ended with {report.script_exit_code}")


def _print_calls(calls: Iterable[CallRow], console: Console) -> None:
    headings = (
        "equal", "close", "differ", "max abs", "max rel", "max ulp",
        "old / new", "legacy function",
    )  # fmt: skip
    rows = [
        (
            row.site,
            row.identical,
            row.within_tolerance,
            row.different,
            _size(row.largest_absolute),
            _size(row.largest_relative),
            _size(row.largest_ulp),
            _seconds(row),
            _bare(row.site) + (" (traced)" if row.mode == "traced" else ""),
        )
        for row in calls
    ]
    styles = {row[0]: "red" for row in rows if row[3]}
    _print_by_file(
        console,
        headings,
        rows,
        optional=("max ulp", "old / new", "max rel"),
        styles=styles,
    )
    if rows:
        console.print()


def _print_by_file(
    console: Console,
    headings: tuple[str, ...],
    rows: Iterable[tuple[Site, *tuple[object, ...]]],
    *,
    optional: Sequence[str] = (),
    styles: dict[Site, str] | None = None,
) -> None:
    """Print a table for every file, whose name stands above it, whole."""
    by_place = sorted(rows, key=lambda row: _in_order(row[0]))
    for file, group in groupby(by_place, key=lambda row: row[0].file):
        listed = list(group)
        say(console, file, "bold")
        print_rows(
            console,
            ("line", *headings),
            [(_line(site), *cells) for site, *cells in listed],
            optional=optional,
            styles=[(styles or {}).get(row[0]) for row in listed],
        )


def _in_order(site: Site) -> tuple[str, int, int, str]:
    return site.file, site.cell or 0, site.line, site.function


def _line(site: Site) -> str:
    return f"{'' if site.cell is None else f'cell {site.cell}:'}{site.line}"


def _print_summary(report: ShadowReport, console: Console) -> None:
    numbers = {
        name: sum(getattr(row, name) for row in report.calls)
        for name in ("compared", "identical", "within_tolerance", "different")
    }
    text = (
        f"{counted(numbers['compared'], 'call')} compared: "
        f"{numbers['identical']} "
        f"identical, {numbers['within_tolerance']} within tolerance, "
        f"{numbers['different']} different"
    )
    if report.script_exit_code:
        text += f"; the script ended with {report.script_exit_code}"
    if not numbers["compared"]:
        text += "; nothing was compared"
    say(console, text, "bold green" if report.exit_code == 0 else "bold red")


def _print_not_run(lines: Iterable[NotRun], console: Console) -> None:
    listed = "; ".join(map(str, lines))
    if listed:
        say(console, f"not run, for IPython only: {listed}", "yellow")


def _print_warnings(
    warnings: tuple[SeenWarning, ...], console: Console
) -> None:
    counts: Counter[str] = Counter()
    for warning in warnings:
        counts[warning.code] += warning.count
    if counts:
        listed = ", ".join(
            f"{code} {counted(n, 'time')}" for code, n in counts.items()
        )
        say(console, f"legacy warnings: {listed} (see MIGRATION.md)", "yellow")


def _bare(site: Site) -> str:
    """Return a name without its module, but with its class."""
    *_, owner, name = site.function.split(".")
    return f"{owner}.{name}" if owner[:1].isupper() else name


def _size(extreme: Extreme | None) -> str:
    return "0" if extreme is None else f"{extreme.value:.1e}"


def _seconds(row: CallRow) -> str:
    if row.seconds_old is None or row.seconds_new is None:
        return ""
    return f"{row.seconds_old:.2f} s / {row.seconds_new:.2f} s"
