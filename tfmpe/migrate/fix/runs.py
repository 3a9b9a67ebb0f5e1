"""Originals of what was rewritten, and restoring them."""

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tfmpe.migrate.show.words import counted
from tfmpe.migrate.sources import SourceError
from tfmpe.migrate.sources.source import replace_content
from tfmpe.preprocessing._atomic import write_atomically

from .files import FixedFile

__all__ = ["ChangedSinceError", "NoRunError", "Run", "keep", "runs", "undo"]

_FOLDER = ".tfmpe"
_MANIFEST = "run.json"
_UNDONE = "undone"


class NoRunError(ValueError):
    """There is no such run to undo."""


class ChangedSinceError(ValueError):
    """Files are no longer what a run wrote.

    Attributes
    ----------
    files : tuple of str
    """

    def __init__(self, files: Sequence[str]):
        self.files = tuple(files)
        super().__init__(
            f"{counted(len(files), 'file was', 'files were')} changed since, "
            f"and nothing was restored: {', '.join(files)}. --force restores "
            "the originals all the same; the changes are then lost"
        )


@dataclass(frozen=True)
class Kept:
    """One original.

    Attributes
    ----------
    path : Path
        Of the file that was rewritten.
    shown : str
        The same, as it is printed.
    original : Path
        Where its bytes are kept.
    mode : int
    before, written : str
        Digests of the original and of what was written.
    """

    path: Path
    shown: str
    original: Path
    mode: int
    before: str
    written: str


@dataclass(frozen=True)
class Run:
    """One run of `tfmpe fix`.

    Attributes
    ----------
    name : str
    folder : Path
    files : tuple of Kept
    undone : bool
    """

    name: str
    folder: Path
    files: tuple[Kept, ...]
    undone: bool


def keep(root: Path, files: Sequence[FixedFile]) -> str:
    """Keep the originals of files that are about to be written.

    Parameters
    ----------
    root
        The folder that the originals are kept in, under ``.tfmpe``.
    files

    Returns
    -------
    str
        The name of the run. Its manifest is written last: what has one is
        complete.

    Raises
    ------
    OSError
        If they cannot be kept. Nothing must be written then.
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    name = f"{now}-{secrets.token_hex(2)}"
    folder = root / _FOLDER / "runs" / name
    folder.mkdir(parents=True)
    ignore = root / _FOLDER / ".gitignore"
    if not ignore.exists():
        write_atomically(ignore, b"*\n")
    entries = []
    for number, file in enumerate(files):
        original = f"{number}.original"
        write_atomically(folder / original, file.old)
        entries.append(
            {
                "path": _stored_path(root, file.path),
                "original": original,
                "mode": stat.S_IMODE(file.path.stat().st_mode),
                "before": _digest(file.old),
                "written": _digest(file.new),
            }
        )
    manifest = json.dumps({"format": 1, "files": entries}, indent=1)
    write_atomically(folder / _MANIFEST, manifest.encode())
    return name


def runs(root: Path) -> list[Run]:
    """Return all runs that are kept, the latest first."""
    folder = root / _FOLDER / "runs"
    if not folder.is_dir():
        return []
    complete = [
        each for each in folder.iterdir() if (each / _MANIFEST).is_file()
    ]
    return [
        _read(root, each)
        for each in sorted(complete, key=lambda each: each.name, reverse=True)
    ]


def undo(
    root: Path, name: str | None = None, *, force: bool = False
) -> tuple[Kept, ...]:
    """Restore the originals of a run.

    Parameters
    ----------
    root
        The folder that the originals are kept in.
    name
        The run, by default the latest that was not undone.
    force
        Whether files are restored that were changed since.

    Returns
    -------
    tuple of Kept
        What was restored; not what was its original again already.

    Raises
    ------
    NoRunError
        If there is no such run.
    ChangedSinceError
        If files were changed since; nothing was restored.
    SourceError
        If a file cannot be written, or an original is damaged. What was
        restored before stays so, and undoing can be repeated.
    """
    run = _choose(root, name)
    current = {kept.path: _content(kept.path) for kept in run.files}
    changed = [
        kept.shown
        for kept in run.files
        if _digest(current[kept.path]) not in (kept.before, kept.written)
    ]
    if changed and not force:
        raise ChangedSinceError(changed)
    originals = {kept.path: _original(kept) for kept in run.files}
    restored = []
    for kept in run.files:
        old, new = current[kept.path], originals[kept.path]
        if old == new:
            continue
        if old is None:
            _write_again(kept, new)
        else:
            replace_content(kept.path, old, new)
        restored.append(kept)
    write_atomically(run.folder / _UNDONE, b"")
    return tuple(restored)


def _choose(root: Path, name: str | None) -> Run:
    known = runs(root)
    if name is not None:
        chosen = [run for run in known if run.name == name]
        if not chosen:
            listed = ", ".join(run.name for run in known) or "none"
            raise NoRunError(f"there is no run {name!r}; there are: {listed}")
        return chosen[0]
    waiting = [run for run in known if not run.undone]
    if not waiting:
        raise NoRunError(
            f"there is nothing to undo: {root / _FOLDER} keeps no run that "
            "was not undone already"
        )
    return waiting[0]


def _read(root: Path, folder: Path) -> Run:
    file = folder / _MANIFEST
    try:
        stored = json.loads(file.read_bytes())
        files = tuple(
            Kept(
                root / entry["path"],
                entry["path"],
                folder / Path(entry["original"]).name,
                int(entry["mode"]),
                str(entry["before"]),
                str(entry["written"]),
            )
            for entry in stored["files"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(file, f"it is damaged ({error})") from None
    return Run(folder.name, folder, files, (folder / _UNDONE).exists())


def _original(kept: Kept) -> bytes:
    content = _content(kept.original)
    if content is None or _digest(content) != kept.before:
        raise SourceError(
            kept.original,
            f"the original of {kept.shown} is missing or damaged; nothing "
            "was restored",
        )
    return content


def _write_again(kept: Kept, content: bytes) -> None:
    try:
        write_atomically(kept.path, content, mode=kept.mode)
    except OSError as error:
        raise SourceError(
            kept.path, f"it cannot be written ({error.strerror})"
        ) from None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _digest(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _stored_path(root: Path, path: Path) -> str:
    """Return the path below the root, so that the whole can be moved."""
    absolute = Path(os.path.abspath(path))
    try:
        return absolute.relative_to(root).as_posix()
    except ValueError:
        return absolute.as_posix()
