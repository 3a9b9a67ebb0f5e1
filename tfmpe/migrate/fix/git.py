"""What git says of files that are about to be rewritten."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["find_root", "uncommitted"]


def find_root(folder: Path) -> Path:
    """Return the top of the work tree that a folder is in, else itself."""
    folder = Path(os.path.abspath(folder))
    for each in (folder, *folder.parents):
        if (each / ".git").exists():
            return each
    return folder


def uncommitted(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Say which files git does not have as they are.

    Parameters
    ----------
    files
        Files that exist.

    Returns
    -------
    changed : list of Path
        With changes that are not committed, new files included.
    unknown : list of Path
        In no work tree, or git is not installed.
    """
    by_folder: dict[Path, list[Path]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    changed: list[Path] = []
    unknown: list[Path] = []
    for folder, here in by_folder.items():
        said = _status(folder, [file.name for file in here])
        if said is None:
            unknown += here
        else:
            changed += [file for file in here if file.name in said]
    return changed, unknown


def _status(folder: Path, names: list[str]) -> set[str] | None:
    command = [
        "git",
        "-C",
        str(folder),
        "--literal-pathspecs",
        "status",
        "--porcelain=v1",
        "--no-renames",
        "--untracked-files=all",
        "-z",
        "--",
        *names,
    ]
    try:
        answer = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return None
    if answer.returncode:
        return None
    entries = os.fsdecode(answer.stdout).split("\0")
    # Two letters, a blank, and the path from the top of the work tree.
    return {entry[3:].rpartition("/")[2] for entry in entries if entry}
