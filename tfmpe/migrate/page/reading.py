"""Reading the json files of the other commands, whichever they are of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.files import load_json

from .check_inputs import Bench, Verify
from .code_inputs import Fix, Scan
from .run_inputs import Run, Shadow
from .typed import WrongFieldError, read_as

__all__ = ["Content", "Source", "read_content", "read_source", "scan_now"]

Content = Scan | Fix | Shadow | Run | Verify | Bench
"""All that is read."""

_READ = {
    "scan": (1, Scan),
    "fix": (1, Fix),
    "run": (1, Run),
    "shadow": (1, Shadow),
    "verify": (1, Verify),
    "bench": (3, Bench),
}
# Before these two named themselves.
_TOLD_BY = {
    "verify": {"folder", "manifest", "rows"},
    "bench": {"machine", "recordings", "cases"},
}


@dataclass(frozen=True)
class Source:
    """One file and what it says.

    Attributes
    ----------
    file : str
        As it was given.
    tool : str
        Which command has written it.
    content : Content
        One of the dataclasses of ``code_inputs``, ``run_inputs`` and
        ``check_inputs``.
    """

    file: str
    tool: str
    content: Content


def read_source(file: Path) -> Source:
    """Read one json file.

    Parameters
    ----------
    file
        Written by any of ``scan``, ``fix``, ``run``, ``verify``, ``bench``.

    Returns
    -------
    Source

    Raises
    ------
    RecordingError
        If it cannot be read, is no json, was not written by one of them, or
        lacks something.
    """
    return read_content(load_json(file, str(file)), str(file))


def read_content(content: Any, file: str) -> Source:
    """Read what a json file holds.

    Parameters
    ----------
    content
        As `json` has read it.
    file
        How to name it.

    Returns
    -------
    Source

    Raises
    ------
    RecordingError
        As of ``read_source``.
    """
    tool = _tool(content, file)
    number, kind = _READ[tool]
    found = content.get("format")
    if type(found) is not int or found != number:
        raise RecordingError(
            file,
            f"format {found!r:.60} of tfmpe {tool}; only {number} is read: "
            "write it anew with this version",
        )
    try:
        return Source(file, tool, read_as(kind, content))
    except WrongFieldError as error:
        raise RecordingError(
            file, f"not as tfmpe {tool} writes it: {error}"
        ) from None


def scan_now(
    paths: Sequence[Path], progress: Callable[[float, str], None] | None = None
) -> Source:
    """Scan some paths, as `tfmpe scan` does.

    Parameters
    ----------
    paths
        Files and folders.
    progress
        Told how far the scan is.

    Returns
    -------
    Source
    """
    from tfmpe.migrate.scan import scan

    report = scan(paths, progress)
    named = f"--scan {' '.join(map(str, paths))}"
    return read_content(report.to_json(report.exit_code), named)


def _tool(content: Any, file: str) -> str:
    if not isinstance(content, dict):
        raise RecordingError(file, "not an object, so of no command")
    tool = content.get("tool")
    if tool is None:
        for name, told_by in _TOLD_BY.items():
            if told_by <= content.keys():
                return name
        raise RecordingError(
            file, f"says not what wrote it: no name 'tool'; {_EXPECTED}"
        )
    if not isinstance(tool, str) or tool not in _READ:
        raise RecordingError(file, f"of the tool {tool!r:.60}; {_EXPECTED}")
    return tool


_EXPECTED = f"expected is the json of one of: {', '.join(_READ)}"
