"""What makes a report incomplete."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tfmpe.migrate.exit_codes import CLEAN, FINDINGS

from .check_inputs import Verify
from .code_inputs import Fix, Scan
from .reading import Source

__all__ = ["Problem", "problems_of"]


@dataclass(frozen=True)
class Problem:
    """Something that is missing from the report.

    Attributes
    ----------
    source : str
        The json file that says so.
    tool : str
        The command that wrote it.
    file : str or None
        What could not be read; None if it is the whole.
    why : str
    """

    source: str
    tool: str
    file: str | None
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return dict(vars(self))


def problems_of(sources: Iterable[Source]) -> list[Problem]:
    """Return what the commands could not read, or have not finished."""
    found = []
    for source in sources:
        listed = list(_listed(source))
        code = source.content.exit_code
        if code not in (CLEAN, FINDINGS) and not listed:
            listed.append((None, f"ended with exit code {code}"))
        found += [Problem(source.file, source.tool, *each) for each in listed]
    return found


def _listed(source: Source) -> Iterator[tuple[str | None, str]]:
    content = source.content
    if isinstance(content, Scan):
        yield from ((each.file, each.why) for each in content.files.not_read)
    elif isinstance(content, Fix):
        yield from ((each.file, each.why) for each in content.not_read)
    elif isinstance(content, Verify):
        yield from ((each.file, each.fault) for each in content.problems)
        if content.stopped_early:
            yield None, "stopped at the first failure"
