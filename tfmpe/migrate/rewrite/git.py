"""What git says of files that are about to be rewritten."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

_STATUS = "--no-renames --untracked-files=all -z --"


def uncommitted(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return files with changes that are not committed, and unknown files."""
    changed: list[Path] = []
    unknown: list[Path] = []
    for file in files:
        real = file.resolve()
        command = ["git", "-C", str(real.parent), "--literal-pathspecs"]
        command += ["status", "--porcelain", *_STATUS.split(), real.name]
        try:
            answer = subprocess.run(command, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            unknown.append(file)
            continue
        if answer.stdout:
            changed.append(file)
    return changed, unknown
