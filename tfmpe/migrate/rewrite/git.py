"""What git says of files that are about to be rewritten."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["uncommitted"]

_STATUS = (
    "--literal-pathspecs status --porcelain=v1 --no-renames "
    "--untracked-files=all -z --"
).split()


def uncommitted(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return which files git does not have as they are.

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
    by_folder: dict[Path, dict[str, Path]] = {}
    for file in files:
        real = file.resolve()
        by_folder.setdefault(real.parent, {})[real.name] = file
    changed: list[Path] = []
    unknown: list[Path] = []
    for folder, here in by_folder.items():
        found = _status(folder, list(here))
        if found is None:
            unknown += here.values()
        else:
            changed += [file for name, file in here.items() if name in found]
    return changed, unknown


def _status(folder: Path, names: list[str]) -> set[str] | None:
    command = ["git", "-C", str(folder), *_STATUS, *names]
    try:
        answer = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return None
    if answer.returncode:
        return None
    entries = os.fsdecode(answer.stdout).split("\0")
    # Two letters, a blank, and the path from the top of the work tree.
    return {entry[3:].rpartition("/")[2] for entry in entries if entry}
