"""Git status of files that are about to be rewritten."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tfmpe.migrate.errors import one_line

_STATUS = "--no-renames --untracked-files=all --ignored -z --"


def uncommitted(files: Iterable[Path]) -> tuple[list[str], list[Path]]:
    """Return files with uncommitted changes, and files that git ignores."""
    changed: list[str] = []
    unknown: list[Path] = []
    for file in files:
        real = file.resolve()
        command = ["git", "-C", str(real.parent), "--literal-pathspecs"]
        command += ["status", "--porcelain", *_STATUS.split(), real.name]
        name = file.as_posix()
        try:
            answer = subprocess.run(command, capture_output=True, check=True)
            said = answer.stdout
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", b"").decode("utf-8", "replace")
            name += f" (git: {one_line(why or str(error))})"
            in_git = any((above / ".git").exists() for above in real.parents)
            said = b"??" if in_git else b"!!"
        if said.startswith(b"!!"):
            unknown.append(file)
        elif said:
            changed.append(name)
    return changed, unknown
