"""Files that are written completely or not at all."""

import os
import secrets
from pathlib import Path


def write_atomically(
    path: Path, content: bytes, mode: int | None = None
) -> None:
    """Write a file completely, or leave an existing one unchanged.

    If the process or the machine stops at any time, ``path`` holds all of the
    old or all of the new content; a hidden ``.NAME.*.tmp`` may remain beside
    it. ``mode`` sets the permissions of the file.
    """
    # A random name, because two processes may write the same file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            # Otherwise the new name could reach the disk before the content.
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove files that interrupted writers left; no writer may be running."""
    for temporary in folder.glob(f".{pattern}.*.tmp"):
        temporary.unlink()
