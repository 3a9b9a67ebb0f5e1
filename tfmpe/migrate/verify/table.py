"""Text output of a verification."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from tfmpe.migrate.records.checks import InCase, Replayed, Verify
from tfmpe.migrate.records.parity import Largest, Tally
from tfmpe.migrate.show.table import say
from tfmpe.migrate.show.words import counted

_MAX_SHOWN = 5
_TITLES = ("all", "same", "near", "diff", "max abs", "max rel")
_WIDTHS = (4, 5, 5, 5, 8, 8)
_LEGEND = "same: to the bit; near: within the tolerance; diff: different"


def print_verify(found: Verify, console: Console) -> None:
    """Print the table, differences, omitted cases, and a summary."""
    for line, style in _table(found):
        console.print(Text(line, style), soft_wrap=True)
    if found.rows:
        say(console, f"{_LEGEND}\n")
    for row in found.rows:
        for line in _failures(row):
            say(console, line, "" if line.startswith(" ") else "red")
    for problem in found.problems:
        say(console, f"bad file   {problem.file}: {problem.fault}", "red")
    if found.manifest == "absent":
        fault = "no MANIFEST.json: the files were not checked"
        say(console, fault, "yellow")
    for note in found.notes:
        say(console, note, "yellow")
    for reason, functions in _not_replayed(found).items():
        say(console, f"stored, not replayed ({reason}):")
        # No line break between a number and its name.
        listed = ", ".join(f"{n}\xa0{name}" for name, n in functions.items())
        say(console, f"  {listed}")
    style = "bold green" if found.exit_code == 0 else "bold red"
    say(console, _summary(found), style)


def _table(found: Verify) -> Iterator[tuple[str, str]]:
    """Yield the lines of the table with their styles."""
    if not found.rows:
        return
    names = ["example", *(f" {row.function}" for row in found.rows)]
    width = max(map(len, names))
    titles = map(str.rjust, _TITLES, _WIDTHS)
    yield "example".ljust(width) + "".join(titles), "bold"
    example = None
    for row in found.rows:
        if row.example != example:
            example = row.example
            yield example, "bold"
        tally = row.tally
        cells = (
            *(tally.compared, tally.identical, tally.within_tolerance),
            *(tally.different, _size(tally.absolute), _size(tally.relative)),
        )
        numbers = map(str.rjust, map(str, cells), _WIDTHS)
        line = f" {row.function}".ljust(width) + "".join(numbers)
        yield line, "red" if tally.different else ""


def _size(largest: Largest | None) -> str:
    return f"{largest.number:.1e}" if largest and largest.number else "0"


def _failures(row: Replayed) -> Iterator[str]:
    by_case: dict[str, list[InCase]] = {}
    for each in row.differences:
        if not each.difference.tolerated:
            by_case.setdefault(each.case, []).append(each)
    if not by_case:
        return
    yield f"different  {row.example} {row.function}"
    for name in ("absolute", "relative", "ulp"):
        largest = getattr(row.tally, name)
        if largest is not None:
            place = f"{largest.case}: {largest.path}"
            yield f"  max {name[:3]} {_size(largest)} in {place}"
    for case, differences in [*by_case.items()][:_MAX_SHOWN]:
        yield f"  {case}"
        for each in differences[:_MAX_SHOWN]:
            yield f"    {each.difference}"
        yield from _rest(len(differences), "    ", "difference")
    yield from _rest(len(by_case), "  ", "case")


def _rest(number: int, indent: str, what: str) -> Iterator[str]:
    if number > _MAX_SHOWN:
        rest = counted(number - _MAX_SHOWN, f"more {what}")
        yield f"{indent}and {rest} (see --json)"


def _not_replayed(found: Verify) -> dict[str, dict[str, int]]:
    """Return the numbers of omitted cases by reason and function."""
    reasons: dict[str, dict[str, int]] = {}
    for entry in sorted(found.not_replayed, key=lambda each: each.function):
        functions = reasons.setdefault(entry.reason, {})
        number = functions.get(entry.function, 0) + entry.cases
        functions[entry.function] = number
    return reasons


def _summary(found: Verify) -> str:
    tally = sum((row.tally for row in found.rows), Tally())
    text = f"{counted(tally.identical, 'case')} identical, "
    text += f"{tally.within_tolerance} within tolerance, "
    text += f"{tally.different} different"
    if found.problems:
        text += f"; {counted(len(found.problems), 'bad file')}"
    left = sum(entry.cases for entry in found.not_replayed)
    if left:
        text += f"; {counted(left, 'stored case')} not replayed"
    return text if tally.compared else f"{text}; nothing was compared"
