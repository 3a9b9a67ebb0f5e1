"""Inputs of the report: the records of the commands."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tfmpe.migrate.exit_codes import CLEAN, FINDINGS
from tfmpe.migrate.records.checks import Verify
from tfmpe.migrate.records.code import Fix, Scan
from tfmpe.migrate.records.files import Record, read_record
from tfmpe.migrate.records.runs import Run, Shadow

from .views import Missing

_R = TypeVar("_R", bound=Record)


class Source(NamedTuple):
    """A record and the file that contains it."""

    file: str
    record: Record

    @property
    def tool(self) -> str:
        """Command that wrote the record."""
        return type(self.record).__name__.lower()


def gather(files: Sequence[Path]) -> list[Source]:
    """Return the records in JSON files, or raise `RecordingError`."""
    return [Source(str(file), read_record(file)) for file in files]


def scan_now(
    paths: Sequence[Path], progress: Callable[[float, str], None] | None
) -> Source:
    """Scan files and folders, as `tfmpe scan` does."""
    # Parsing needs libcst; reading records does not.
    from tfmpe.migrate.rewrite import scan

    return Source(f"--scan {' '.join(map(str, paths))}", scan(paths, progress))


def only(sources: Sequence[Source], *kinds: type[_R]) -> Iterator[_R]:
    """Yield the records of some commands."""
    for source in sources:
        if isinstance(source.record, kinds):
            yield source.record


def missing_from(sources: Sequence[Source]) -> list[Missing]:
    """Return what the commands could not read or complete."""
    return [
        Missing(source.file, source.tool, *each)
        for source in sources
        for each in _faults(source.record)
    ]


def _faults(record: Record) -> list[tuple[str | None, str]]:
    found: list[tuple[str | None, str]] = []
    # In most commands, 1 stands for findings.
    failed = record.exit_code not in (CLEAN, FINDINGS)
    match record:
        case Scan() | Fix():
            found += [(each.file, each.why) for each in record.unread]
        case Verify():
            found += [(each.file, each.fault) for each in record.problems]
        case Run():
            failed = record.exit_code != CLEAN
        case Shadow():
            failed |= record.script_exit_code != CLEAN
    if failed and not found:
        found.append((None, f"ended with exit code {record.exit_code}"))
    return found
