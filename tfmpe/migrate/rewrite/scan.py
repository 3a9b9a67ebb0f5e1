"""All that a scan lists: imports, uses, and what is left to a person."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
from tfmpe.migrate.records.code import Change, Mention, Scan, Unread, Use
from tfmpe.migrate.sources import SourceError

from .files import Progress, rewrite_files
from .uses import uses

__all__ = ["only", "scan"]


def scan(paths: Sequence[str | Path], progress: Progress | None = None) -> Scan:
    """List what is left of the legacy package in files and folders.

    Parameters
    ----------
    paths
        Files and folders.
    progress
        Called with the share that is done, and the name of a file.

    Returns
    -------
    Scan

    Examples
    --------
    >>> scan(["no_such_folder"]).exit_code
    3
    """
    files, unread = rewrite_files(
        paths, progress and (lambda share, name: progress(share / 2, name))
    )
    found: list[Use] = []
    for number, file in enumerate(files):
        if progress is not None:
            progress(0.5 + number / len(files) / 2, file.path.name)
        found += map(_import, file.changes)
        if file.source is not None:
            try:
                found += uses(file.source)
            except SourceError as error:
                unread.append(Unread(error.file, error.why))
    mentions = [mention for file in files for mention in file.left]
    return _of(len(files), found, mentions, unread)


def only(scan: Scan, select: tuple[str, ...], ignore: tuple[str, ...]) -> Scan:
    """Return the part of a scan with some codes, or beginnings of codes.

    Parameters
    ----------
    scan
    select, ignore
        All codes if nothing is selected; what is ignored is left out.
    """

    def kept(code: str) -> bool:
        wanted = code.startswith(select) if select else True
        return wanted and not (ignore and code.startswith(ignore))

    return _of(
        scan.files_read,
        (use for use in scan.uses if kept(use.code)),
        (mention for mention in scan.mentions if kept(mention.code)),
        scan.unread,
    )


def _of(
    files_read: int,
    uses: Iterable[Use],
    mentions: Iterable[Mention],
    unread: Iterable[Unread],
) -> Scan:
    found = tuple(uses), tuple(mentions), tuple(unread)
    code = FINDINGS if found[0] or found[1] else CLEAN
    if found[2] or not files_read:
        code = INCOMPLETE
    return Scan(code, files_read, *found)


def _import(change: Change) -> Use:
    before, after = (
        " ".join(text.split()) for text in (change.before, change.after)
    )
    *above, last = change.before.splitlines()
    return Use(
        change.place,
        change.place.line + len(above),
        len(last) + (1 if above else change.place.column),
        "T002" if before.endswith("*") else "T001",
        change.name,
        before,
        after,
    )
