"""Which files below some paths are sources."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceError

__all__ = ["Found", "find_sources"]

_SUFFIXES = (".py", ".ipynb")
_NEVER = ("__pycache__", "node_modules")


@dataclass(frozen=True)
class Found:
    """The sources below some paths.

    Attributes
    ----------
    files : tuple of Path
        Each file once, as given or below the path as given.
    not_read : tuple of SourceError
        What could not be looked into.
    """

    files: tuple[Path, ...]
    not_read: tuple[SourceError, ...]


def find_sources(paths: Sequence[str | Path]) -> Found:
    """Find all Python files and notebooks.

    A file that is given by name is taken, whatever it is called. Below a
    folder, these are left out: hidden folders, ``__pycache__``,
    ``node_modules``, virtual environments, and symbolic links, since what
    they show is read where it is or belongs to somebody else.

    Parameters
    ----------
    paths
        Files and folders.

    Returns
    -------
    Found

    Examples
    --------
    >>> find_sources(["no_such_folder"]).not_read[0].why
    'there is no such file or folder'
    """
    files: list[Path] = []
    not_read: list[SourceError] = []
    seen: set[str] = set()
    for path in paths:
        for item in _below(Path(path)):
            if isinstance(item, SourceError):
                not_read.append(item)
            elif (real := os.path.realpath(item)) not in seen:
                seen.add(real)
                files.append(item)
    return Found(tuple(files), tuple(not_read))


def _below(path: Path) -> Iterator[Path | SourceError]:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        yield SourceError(path, "there is no such file or folder")
    except (OSError, ValueError) as error:
        yield SourceError(path, f"it cannot be looked at ({_reason(error)})")
    else:
        if stat.S_ISDIR(mode):
            yield from _in_folder(path)
        else:
            yield path


def _in_folder(folder: Path) -> Iterator[Path | SourceError]:
    # A list of its own instead of recursion: folders may be nested deeply.
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
            folders = [entry for entry in entries if _is_project(entry)]
        except OSError as error:
            yield SourceError(
                here, f"the folder cannot be listed ({_reason(error)})"
            )
            continue
        for entry in entries:
            if (
                entry.name.lower().endswith(_SUFFIXES)
                and not entry.is_symlink()
                and not entry.is_dir(follow_symlinks=False)
            ):
                yield here / entry.name
        waiting.extend(here / entry.name for entry in reversed(folders))


def _is_project(entry: os.DirEntry[str]) -> bool:
    return (
        entry.is_dir(follow_symlinks=False)
        and not entry.name.startswith(".")
        and entry.name not in _NEVER
        and not os.path.lexists(os.path.join(entry.path, "pyvenv.cfg"))
    )


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
