"""Scan of files: imports, uses, and places that need manual changes."""

from collections.abc import Sequence
from pathlib import Path

from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
from tfmpe.migrate.records.code import Change, Mention, Scan, Use
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.sources import SourceError

from .files import Progress, rewrite_files
from .uses import uses


def scan(
    paths: Sequence[str | Path],
    progress: Progress | None = None,
    select: tuple[str, ...] = ("",),
    ignore: tuple[str, ...] = (),
) -> Scan:
    """List uses and mentions of the package, filtered by prefixes of codes."""
    told = progress or (lambda share, name: None)
    files, unread = rewrite_files(paths, lambda x, name: told(x / 2, name))
    found: list[Use] = []
    mentions = [mention for file in files for mention in file.left]
    for number, file in enumerate(files):
        told(0.5 + number / len(files) / 2, file.path.name)
        here = [*map(_import, file.changes)]
        try:
            here += uses(file.source) if file.source is not None else ()
        except SourceError as error:
            place = Place(error.file, 1, 1)
            mentions.append(Mention(place, file.path.name, error.why, "T001"))
        found += sorted(here, key=lambda use: (use.place.cell or 0, use.place))

    def kept(code: str) -> bool:
        return code.startswith(select) and not code.startswith(ignore)

    listed = [use for use in found if kept(use.code)]
    mentions = [mention for mention in mentions if kept(mention.code)]
    code = FINDINGS if listed or mentions else CLEAN
    if unread or not files:
        code = INCOMPLETE
    return Scan(code, len(files), tuple(listed), tuple(mentions), tuple(unread))


def _import(change: Change) -> Use:
    *above, last = change.before.splitlines()
    before = " ".join(change.before.split())
    return Use(
        change.place,
        change.place.line + len(above),
        len(last) + (1 if above else change.place.column),
        "T001",
        change.name,
        before,
        " ".join(change.after.split()),
    )
