"""Which files below some paths are sources, and which configure a project."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .errors import SourceError, reason

__all__ = ["Found", "find_sources"]

_SUFFIXES = (".py", ".pyw", ".ipynb")
_CONFIGURATION = re.compile(
    r".*\.(?:toml|cfg|ini|ya?ml|sh|bash|mk)|requirements.*\.(?:txt|in)|"
    r"constraints.*\.txt|(?:make|docker|container|snake|just|pip)file.*|"
    r"\.coveragerc|\.pylintrc|\.envrc|\.env",
    re.IGNORECASE,
)
_NEVER = ("__pycache__", "node_modules")


class Found(NamedTuple):
    """The files below some paths, each once, and what could not be read.

    `files` are Python files and notebooks; `configurations` such as
    ``pyproject.toml``.
    """

    files: list[Path]
    configurations: list[Path]
    not_read: list[SourceError]


def find_sources(paths: Sequence[str | Path]) -> Found:
    """Find all Python files, notebooks and configuration files.

    A file that is given by name is taken, whatever it is called. Below a
    folder, these are left out: hidden folders except ``.github``,
    ``__pycache__``, ``node_modules``, virtual environments, links to folders,
    and links to nothing. A link to a file is read as that file.

    Examples
    --------
    >>> find_sources(["no_such_folder"]).not_read[0].why
    'it cannot be looked at (No such file or directory)'
    """
    found = Found([], [], [])
    seen: set[str] = set()
    for item in (item for path in paths for item in _below(Path(path))):
        if isinstance(item, SourceError):
            found.not_read.append(item)
        elif (real := os.path.realpath(item)) not in seen:
            seen.add(real)
            configures = _CONFIGURATION.fullmatch(item.name)
            (found.configurations if configures else found.files).append(item)
    return found


def _below(path: Path) -> Iterator[Path | SourceError]:
    # A list of its own instead of recursion: folders may be nested deeply.
    waiting = [path]
    while waiting:
        here = waiting.pop()
        try:
            here.stat()
            if not here.is_dir():
                yield here
                continue
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            folders = [entry for entry in entries if _is_project(entry)]
        except (OSError, ValueError) as error:
            why = f"it cannot be looked at ({reason(error)})"
            yield SourceError(here, why)
            continue
        yield from (here / entry.name for entry in entries if _is_ours(entry))
        waiting += [here / entry.name for entry in reversed(folders)]


def _is_ours(entry: os.DirEntry[str]) -> bool:
    named = entry.name.lower().endswith(_SUFFIXES) or (
        _CONFIGURATION.fullmatch(entry.name)
    )
    if not named or os.path.isdir(entry.path):
        return False
    # A pipe is ours too, and then cannot be read: that is said.
    return not entry.is_symlink() or os.path.isfile(entry.path)


def _is_project(entry: os.DirEntry[str]) -> bool:
    return (
        entry.is_dir(follow_symlinks=False)
        and (not entry.name.startswith(".") or entry.name == ".github")
        and entry.name not in _NEVER
        and not os.path.lexists(os.path.join(entry.path, "pyvenv.cfg"))
    )
