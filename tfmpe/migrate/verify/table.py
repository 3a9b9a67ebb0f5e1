"""A verification report for people: one table, then one line.

Names are printed whole and numbers never cut, in a terminal of 80 columns as
in a log file: a row is one line, and longer texts are wrapped between words.
Needs `rich` (extra `cli`).
"""

import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from tfmpe.migrate.replay.comparison import Extreme
from tfmpe.migrate.show.words import counted

from .report import Report, Row

__all__ = ["print_report"]

_MAX_SHOWN = 5
_NUMBERS = ((4, "all"), (5, "same"), (5, "near"), (5, "diff"), (8, "max abs"))
_LEGEND = "same: to the bit; near: within the tolerance; diff: different"


def print_report(report: Report, console: Console) -> None:
    """Print the table, what differs, what is not compared, and a summary.

    Parameters
    ----------
    report
        What a verification found.
    console
        Where to print; 80 columns suffice.
    """

    def show(text: str, style: str = "", indent: str = "") -> None:
        # As Text, so that no name is taken for markup; rich itself would
        # fold a long word.
        for line in _wrapped(text, console.width, indent):
            console.print(Text(line, style), soft_wrap=True)

    for line, style in _table(report):
        console.print(Text(line, style), soft_wrap=True)
    if report.rows:
        show(_LEGEND)
        show("")
    for row in report.rows:
        for line in _failures(row):
            indent = " " * (len(line) - len(line.lstrip()))
            show(line.lstrip(), "" if indent else "red", indent)
    for problem in report.problems:
        show(f"bad file   {problem}", "red")
    if report.manifest == "absent":
        show("no MANIFEST.json: the files were not checked", "yellow")
    for note in report.notes:
        show(note, "yellow")
    if report.stopped_early:
        show("stopped at the first failure", "yellow")
    for reason, functions in _not_replayed(report).items():
        show(f"stored, not replayed ({reason}):")
        # A number stays with its name.
        listed = ", ".join(f"{n}\0{name}" for name, n in functions.items())
        show(listed, indent="  ")
    style = "bold green" if report.exit_code == 0 else "bold red"
    show(_summary(report), style)


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines] or [""]


def _table(report: Report) -> Iterator[tuple[str, str]]:
    """Return the lines of the table with their styles."""
    if not report.rows:
        return
    calibrated = any(row.noise_floor is not None for row in report.rows)
    columns = (*_NUMBERS, (8, "noise" if calibrated else "max rel"))
    names = [f" {row.function}" for row in report.rows]
    width = max(map(len, [*names, "example"]))
    titles = "".join(title.rjust(size) for size, title in columns)
    yield "example".ljust(width) + titles, "bold"
    example = None
    for row, name in zip(report.rows, names, strict=True):
        if row.example != example:
            example = row.example
            yield example, "bold"
        cells = (
            row.cases,
            row.identical,
            row.within_tolerance,
            row.different,
            _size(row.largest_absolute),
            _noise(row) if calibrated else _size(row.largest_relative),
        )
        numbers = "".join(
            str(cell).rjust(size)
            for cell, (size, _) in zip(cells, columns, strict=True)
        )
        yield (
            (name.ljust(width) + numbers).rstrip(),
            "red" if row.different else "",
        )


def _size(largest: tuple[str, Extreme] | None) -> str:
    return _value(largest and largest[1])


def _noise(row: Row) -> str:
    if row.noise_floor is None:
        return ""
    return _value(row.noise_floor.largest_absolute)


def _value(extreme: Extreme | None) -> str:
    return "0" if extreme is None else f"{extreme.value:.1e}"


def _failures(row: Row) -> Iterator[str]:
    if not row.failures:
        return
    yield f"different  {row.example} {row.function}"
    for name, extreme in (
        ("abs", row.largest_absolute),
        ("rel", row.largest_relative),
        ("ulp", row.largest_ulp),
    ):
        if extreme is not None:
            case, largest = extreme
            yield f"  max {name} {_value(largest)} in {case}: {largest.path}"
    for result in row.failures[:_MAX_SHOWN]:
        yield f"  {result.case}"
        differences = [
            each for each in result.comparison.differences if not each.tolerated
        ]
        for difference in differences[:_MAX_SHOWN]:
            yield f"    {difference}"
        yield from _rest(len(differences), "    ", "difference")
    yield from _rest(len(row.failures), "  ", "case")


def _rest(number: int, indent: str, what: str) -> Iterator[str]:
    if number > _MAX_SHOWN:
        rest = counted(number - _MAX_SHOWN, f"more {what}")
        yield f"{indent}and {rest} (see --json)"


def _not_replayed(report: Report) -> dict[str, dict[str, int]]:
    """Return how many cases of each function were not replayed, by reason."""
    reasons: dict[str, dict[str, int]] = {}
    for entry in sorted(report.not_replayed, key=lambda each: each.function):
        functions = reasons.setdefault(entry.reason, {})
        number = functions.get(entry.function, 0) + entry.cases
        functions[entry.function] = number
    return reasons


def _summary(report: Report) -> str:
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
    return text
