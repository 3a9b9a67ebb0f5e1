"""A verification report for people: one table, then one line.

Needs `rich` (extra `cli`).
"""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfmpe.migrate.replay.comparison import Extreme
from tfmpe.migrate.wording import counted

from .report import Report, Row

__all__ = ["print_report"]

_MAX_SHOWN = 5


def print_report(report: Report, console: Console) -> None:
    """Print the table, what differs, what is not compared, and a summary.

    Parameters
    ----------
    report
        What a verification found.
    console
        Where to print; 80 columns suffice.
    """
    if report.rows:
        # The places are too long for a column; the table numbers them.
        places: list[str] = []
        console.print(_table(report, places))
        for number, place in enumerate(places, 1):
            console.print(Text(f"[{number}] {place}"))
        console.print()
    for row in report.rows:
        _print_failures(row, console)
    for problem in report.problems:
        console.print(Text(f"bad file   {problem}", style="red"))
    if report.manifest == "absent":
        console.print(
            Text("no MANIFEST.json: the files were not checked", "yellow")
        )
    for note in report.notes:
        console.print(Text(note, "yellow"))
    if report.stopped_early:
        console.print(Text("stopped at the first failure", "yellow"))
    if report.not_replayed:
        console.print(_not_replayed(report))
    console.print(_summary(report))


def _table(report: Report, places: list[str]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("example\n  function", no_wrap=True)
    calibrated = any(row.noise_floor is not None for row in report.rows)
    for heading in (
        "cases",
        "iden-\ntical",
        "within\ntol.",
        "diff",
        "max\nabs",
        *(("noise\nabs",) if calibrated else ()),
        "max\nrel",
        "dtype\ndiff",
        "order\ndiff",
        "at",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    example = None
    for row in report.rows:
        if row.example != example:
            example = row.example
            table.add_row(Text(example, style="bold"))
        cells = (
            f"  {row.function}",
            row.cases,
            row.identical,
            row.within_tolerance,
            row.different,
            _size(row.largest_absolute),
            *((_noise(row),) if calibrated else ()),
            _size(row.largest_relative),
            row.dtype_differences,
            row.key_order_differences,
            _place(row, places),
        )
        # As Text, so that no name is taken for markup.
        table.add_row(
            *(Text(str(cell)) for cell in cells),
            style="red" if row.different else None,
        )
    return table


def _size(largest: tuple[str, Extreme] | None) -> str:
    return _value(largest and largest[1])


def _noise(row: Row) -> str:
    if row.noise_floor is None:
        return ""
    return _value(row.noise_floor.largest_absolute)


def _value(extreme: Extreme | None) -> str:
    return "0" if extreme is None else f"{extreme.value:.1e}"


def _place(row: Row, places: list[str]) -> str:
    """Note where the largest differences are; return the note's number."""
    absolute, relative = row.largest_absolute, row.largest_relative
    if absolute is None or relative is None:
        return ""
    place = (
        f"abs in {absolute[0]}: {absolute[1].path}; "
        f"rel in {relative[0]}: {relative[1].path}"
    )
    if row.largest_ulp is not None:
        case, ulp = row.largest_ulp
        place += f"; {ulp.value:.3g} ulp in {case}: {ulp.path}"
    if row.noise_floor is not None:
        noise = row.noise_floor
        place += (
            f"; noise {_value(noise.largest_absolute)} abs, "
            f"{_value(noise.largest_relative)} rel, "
            f"{_value(noise.largest_ulp)} ulp"
        )
    places.append(place)
    return f"[{len(places)}]"


def _print_failures(row: Row, console: Console) -> None:
    if not row.failures:
        return
    console.print(Text(f"different  {row.example} {row.function}", style="red"))
    for result in row.failures[:_MAX_SHOWN]:
        console.print(Text(f"  {result.case}"))
        differences = result.comparison.differences
        for difference in differences[:_MAX_SHOWN]:
            console.print(Text(f"    {difference}"))
        _print_rest(len(differences), "    ", "difference", console)
    _print_rest(len(row.failures), "  ", "case", console)


def _print_rest(number: int, indent: str, what: str, console: Console) -> None:
    if number > _MAX_SHOWN:
        console.print(
            Text(
                f"{indent}and {counted(number - _MAX_SHOWN, f'more {what}')} "
                "(see --json)"
            )
        )


def _not_replayed(report: Report) -> Text:
    reasons: dict[str, dict[str, int]] = {}
    for entry in report.not_replayed:
        functions = reasons.setdefault(entry.reason, {})
        functions[entry.function] = (
            functions.get(entry.function, 0) + entry.cases
        )
    return Text(
        "\n".join(
            f"stored, not replayed ({reason}):\n  "
            + ", ".join(f"{n} {name}" for name, n in sorted(functions.items()))
            for reason, functions in reasons.items()
        )
    )


def _summary(report: Report) -> Text:
    numbers = report.summary
    text = (
        f"{counted(numbers['identical'], 'case')} identical, "
        f"{numbers['within_tolerance']} within tolerance, "
        f"{numbers['different']} different"
    )
    if report.problems:
        text += f"; {counted(len(report.problems), 'bad file')}"
    if numbers["not_replayed"]:
        text += (
            f"; {counted(numbers['not_replayed'], 'stored case')} not replayed"
        )
    if not numbers["cases"]:
        text += "; nothing was compared"
    style = "bold green" if report.exit_code == 0 else "bold red"
    return Text(text, style=style)
