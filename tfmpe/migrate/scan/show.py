"""A scan as text for people."""

from itertools import groupby

from rich.console import Console
from rich.markup import escape

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.show.words import counted

from .results import Report, Site, Undecided

__all__ = ["print_sites", "print_summary"]

_COLOURS = {"safe": "green", "unsafe": "yellow", "manual": "red"}


def print_sites(report: Report, console: Console) -> None:
    """Print one line for each finding, file by file.

    Parameters
    ----------
    report
        What was found.
    console
        Where to.
    """
    found = sorted(
        [*report.sites, *report.undecided], key=lambda item: item.place
    )
    for _, items in groupby(found, key=lambda item: item.place.file):
        for item in items:
            console.print(_line(item))
        console.print()
    for error in report.not_read:
        console.print(f"[red]{escape(error.file)}: not read: [/]", end="")
        console.print(escape(error.why))


def _line(item: Site | Undecided) -> str:
    start = f"{escape(str(item.place))}: [bold]{item.code}[/] "
    if isinstance(item, Undecided):
        return f"{start}{escape(item.text)}: undecided, {escape(item.why)}"
    # Or the square brackets would be taken for a style.
    safety = rf"\[[{_COLOURS[item.safety]}]{item.safety}[/]]"
    return f"{start}{escape(item.text)} -> {escape(item.becomes)} {safety}"


def print_summary(
    report: Report, console: Console, *, by_code: bool = False
) -> None:
    """Print how much was found, and what nothing is known about.

    Parameters
    ----------
    report
        What was found.
    console
        Where to.
    by_code
        Whether each code is counted, too.
    """
    if by_code:
        _print_codes(report, console)
    by_safety = {
        safety: sum(site.safety == safety for site in report.sites)
        for safety in _COLOURS
    }
    of_each = ", ".join(f"{n} {safety}" for safety, n in by_safety.items())
    parts = [
        f"{counted(len(report.sites), 'site')} in "
        f"{counted(report.n_with_sites, 'file')}"
        + (f" ({of_each})" if report.sites else ""),
        f"{len(report.undecided)} undecided",
        f"{counted(report.n_read, 'file')} read",
        f"{len(report.not_read)} not read",
    ]
    if report.hidden:
        parts.insert(2, f"{report.hidden.total()} not shown")
    console.print(f"{'; '.join(parts)}.")
    if report.n_read == 0 and not report.not_read:
        console.print("No .py or .ipynb file was found, so nothing is known.")
    elif report.exit_code == 3:
        console.print("The scan is incomplete: see what was not read.")


def _print_codes(report: Report, console: Console) -> None:
    counts = {
        code: sum(of_code.values())
        for code, of_code in report.summary().items()
    }
    for code, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        console.print(f"{n:>5}  {code}  {CATALOGUE[code].summary}")
    if counts:
        console.print()
