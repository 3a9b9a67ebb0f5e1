"""What `tfmpe run` and `tfmpe record` say at the end, for people.

Needs `rich` (extra `cli`).
"""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.replay.comparison import Extreme
from tfmpe.migrate.wording import counted

from .call_sites import Site
from .counting import SeenWarning
from .notebook import NotRun
from .recorded_run import RecordReport
from .running import RunReport
from .shadow_report import CallRow, ShadowReport

__all__ = ["print_record", "print_run", "print_shadow"]

_MAX_SHOWN = 10


def print_run(report: RunReport, console: Console) -> None:
    """Print the calls by function and line, and the warnings by code.

    Parameters
    ----------
    report
        What running a script showed.
    console
        Where to print; 80 columns suffice.
    """
    if report.calls:
        table = _table(("legacy function", "calls", "from"), right=(1,))
        for site, number in report.calls:
            _row(table, _short(site), number, site.place)
        console.print(table)
    total = sum(number for _, number in report.calls)
    _print_not_run(report.not_run, console)
    _print_warnings(report.warnings, console)
    console.print(
        Text(
            f"{counted(total, 'legacy call')} from "
            f"{counted(len(report.calls), 'place')}, "
            f"{counted(sum(w.count for w in report.warnings), 'warning')}; "
            f"the script ended with {report.exit_code}"
        )
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
    if report.calls:
        console.print(_shadow_table(report.calls))
        console.print()
    for number, found in enumerate(report.differences):
        if number == _MAX_SHOWN:
            rest = len(report.differences) - number
            console.print(
                Text(f"and {counted(rest, 'more difference')} (see --json)")
            )
            break
        style = "yellow" if found.difference.tolerated else "red"
        text = f"{_short(found.site)} from {found.site.place}, call "
        console.print(Text(f"{text}{found.call}", style=style))
        console.print(Text(f"  {found.difference}"))
    for entry in report.not_compared:
        console.print(
            Text(f"not compared: {_short(entry.site)} from "
                 f"{entry.site.place}: {entry.why}", style="yellow")
        )  # fmt: skip
    _print_not_run(report.not_run, console)
    for note in report.notes:
        place = f"{_short(note.site)} from {note.site.place}"
        console.print(Text(f"{place}: {note.text}"))
    _print_warnings(report.warnings, console)
    if report.saved is not None:
        console.print(Text(f"{counted(report.saved, 'call')} saved for replay"))
    console.print(_shadow_summary(report))


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
        headings = ("legacy function", "cases", "repeated", "left out")
        table = _table(headings, right=(1, 2, 3))
        for name, counts in report.cases.items():
            _row(table, name, *counts)
        console.print(table)
    for name, texts in report.opaque.items():
        text = f"cannot be replayed: {name} was given {', '.join(texts)}"
        console.print(Text(text, style="yellow"))
    for name, why in report.not_recorded.items():
        console.print(Text(f"not recorded: {name}: {why}", style="yellow"))
    _print_not_run(report.not_run, console)
    if report.n_cases:
        text = f"{counted(report.n_cases, 'case')} in {folder}"
    else:
        text = "nothing was recorded, and nothing written"
    console.print(
        Text(f"{text}; the script ended with {report.script_exit_code}")
    )


def _shadow_table(rows: Iterable[CallRow]) -> Table:
    headings = (
        "legacy function\n  from", "com-\npared", "iden-\ntical",
        "within\ntol.", "diff", "max\nabs", "max\nrel", "max\nulp",
        "s old\nB old", "s new\nB new",
    )  # fmt: skip
    table = _table(headings, right=range(1, len(headings)))
    for row in rows:
        traced = " (traced)" if row.mode == "traced" else ""
        style = "red" if row.different else None
        _row(
            table,
            _short(row.site),
            row.compared,
            row.identical,
            row.within_tolerance,
            row.different,
            _size(row.largest_absolute),
            _size(row.largest_relative),
            _size(row.largest_ulp),
            _seconds(row.seconds_old),
            _seconds(row.seconds_new),
            style=style,
        )
        # Below the seconds, as the place is below the name.
        empty = [""] * (len(headings) - 3)
        sizes = _bytes(row.bytes_old), _bytes(row.bytes_new)
        _row(table, f"  {row.site.place}{traced}", *empty, *sizes, style=style)
    return table


def _shadow_summary(report: ShadowReport) -> Text:
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
    style = "bold green" if report.exit_code == 0 else "bold red"
    return Text(text, style=style)


def _print_not_run(lines: Iterable[NotRun], console: Console) -> None:
    listed = "; ".join(map(str, lines))
    if listed:
        console.print(Text(f"not run, for IPython alone: {listed}", "yellow"))


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
        console.print(
            Text(f"legacy warnings: {listed} (see MIGRATION.md)", "yellow")
        )


def _table(headings: tuple[str, ...], right: Iterable[int]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        justify = "right" if number in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    return table


def _row(table: Table, *cells: object, style: str | None = None) -> None:
    # As Text, so that no name is taken for markup.
    table.add_row(*(Text(str(cell)) for cell in cells), style=style)


def _short(site: Site) -> str:
    return site.function.removeprefix(f"{LEGACY}.").rpartition("dataloader.")[2]


def _size(extreme: Extreme | None) -> str:
    return "0" if extreme is None else f"{extreme.value:.1e}"


def _bytes(number: int) -> str:
    for unit in ("", "k", "M"):
        if number < 10_000:
            return f"{number:.0f}{unit}"
        number //= 1_000
    return f"{number}G"


def _seconds(seconds: float | None) -> str:
    # Of one width, however long it took.
    return "" if seconds is None else f"{seconds:.1e}"
