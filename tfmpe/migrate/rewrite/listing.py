"""A scan or a rewrite as text for people."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.records.code import Fix, Mention, Scan, Use
from tfmpe.migrate.show.table import print_rows
from tfmpe.migrate.show.words import counted

__all__ = [
    "found_in",
    "print_codes",
    "print_fix",
    "print_found",
    "print_summary",
]


def found_in(scan: Scan) -> list[Use | Mention]:
    """Return uses and mentions in the order of the files and lines."""
    both = [*scan.uses, *scan.mentions]
    return sorted(both, key=lambda each: (each.place.file, _order(each)))


def _order(found: Use | Mention) -> tuple:
    place = found.place
    return place.cell or 0, place.line, place.column, found.code


def message(found: Use | Mention) -> str:
    """Return what is said about a place."""
    if isinstance(found, Mention):
        return f"{found.why}: {found.text}"
    return f"{found.text} -> {found.becomes}"


def print_found(scan: Scan, console: Console) -> None:
    """Print one line for each place, and for each file that was not read."""
    for found in found_in(scan):
        start = f"{found.place}:{found.place.column}: "
        _print(console, start, found.code, f" {message(found)}")
    for unread in scan.unread:
        _print(console, f"{unread.file}: ", "not read", f": {unread.why}")


def print_codes(scan: Scan, console: Console) -> None:
    """Print how often each code was found."""
    counts = Counter(found.code for found in found_in(scan))
    rows = [
        (n, f"{code}  {CATALOGUE[code].summary}")
        for code, n in counts.most_common()
    ]
    print_rows(console, ("found", "code"), rows)


def print_summary(scan: Scan, console: Console, hidden: int = 0) -> None:
    """Print how much was found, and what a scan cannot see.

    Parameters
    ----------
    scan
    console
    hidden
        How many places were found and are not shown.
    """
    files = len({use.place.file for use in scan.uses})
    shown = f"; {hidden} not shown" if hidden else ""
    _print(
        console,
        f"{counted(len(scan.uses), 'use')} in {counted(files, 'file')}; "
        f"{counted(len(scan.mentions), 'place')} to look at{shown}; "
        f"{counted(scan.files_read, 'file')} read, {len(scan.unread)} not read.",
    )
    if scan.unread:
        _print(console, "The scan is incomplete: see what was not read.")
    elif not scan.files_read:
        _print(console, "No file was found, so nothing is known.")
    _print(
        console,
        "Methods of objects and names that come from other files show only "
        "when the code runs: tfmpe run SCRIPT.",
    )


def print_fix(fix: Fix, files: int, console: Console) -> None:
    """Print what is left, and how much was rewritten.

    Parameters
    ----------
    fix
    files
        How many were read.
    console
    """
    for left in fix.left:
        _print(console, f"{left.place}: ", left.code, f" left: {message(left)}")
    for unread in fix.unread:
        _print(console, f"{unread.file}: ", "not rewritten", f": {unread.why}")
    n_changes = sum(len(file.changes) for file in fix.changed)
    verb = "rewritten" if fix.written else "would be rewritten"
    _print(
        console,
        f"{len(fix.changed)} of {counted(files, 'file')} {verb}, "
        f"{counted(n_changes, 'statement')}; {len(fix.left)} left to do; "
        f"{len(fix.unread)} not read or written.",
    )


def _print(console: Console, start: str, code: str = "", end: str = "") -> None:
    # Not broken: one place is one line.
    text = Text.assemble(start, (code, "bold"), end)
    console.print(text, soft_wrap=True)
