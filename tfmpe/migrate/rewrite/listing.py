"""Text output of a scan or a rewrite."""

from collections.abc import Iterator

from tfmpe.migrate.records.code import Fix, Mention, Scan, Use
from tfmpe.migrate.show.words import counted


def found_in(scan: Scan) -> list[Use | Mention]:
    """Return uses and mentions, ordered by file and line."""
    return sorted(
        (*scan.uses, *scan.mentions),
        key=lambda x: (x.place.file, x.place.cell or 0, x.place, x.code),
    )


def message(found: Use | Mention) -> str:
    """Return the message about a place."""
    if isinstance(found, Mention):
        return f"{found.why}: {found.text}"
    return f"{found.text} -> {found.becomes}"


def scan_lines(scan: Scan) -> Iterator[str]:
    """Yield one line per place, and one per unreadable file."""
    for found in found_in(scan):
        place = found.place
        yield f"{place}:{place.column}: {found.code} {message(found)}"
    for unread in scan.unread:
        yield f"{unread.file}: not read: {unread.why}"


def summary(scan: Scan) -> Iterator[str]:
    """Yield the totals, and the limits of a scan."""
    files = len({use.place.file for use in scan.uses})
    yield (
        f"{counted(len(scan.uses), 'use')} in {counted(files, 'file')}; "
        f"{counted(len(scan.mentions), 'place')} to check; "
        f"{counted(scan.files_read, 'file')} read, {len(scan.unread)} not read."
    )
    if scan.unread:
        yield "The scan is incomplete: some files could not be read."
    elif not scan.files_read:
        yield "No files were found."
    yield (
        "A scan cannot see methods of objects and names from other files; "
        "use: tfmpe run SCRIPT."
    )


def fix_lines(fix: Fix, files: int) -> Iterator[str]:
    """Yield what is left, and the totals of a rewrite."""
    for left in fix.left:
        yield f"{left.place}: {left.code} left: {message(left)}"
    for unread in fix.unread:
        yield f"{unread.file}: not rewritten: {unread.why}"
    n_changes = sum(len(file.changes) for file in fix.changed)
    verb = "rewritten" if fix.written else "would be rewritten"
    yield (
        f"{len(fix.changed)} of {counted(files, 'file')} {verb}, "
        f"{counted(n_changes, 'statement')}; {len(fix.left)} left to do; "
        f"{len(fix.unread)} not read or written."
    )
