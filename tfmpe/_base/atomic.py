"""Files that are there as a whole or not at all."""

import os
import secrets
from pathlib import Path


def write_atomically(
    path: Path, content: bytes, mode: int | None = None
) -> None:
    """Write a file, or leave the one that is there as it is.

    Whenever the process or the machine stops, ``path`` holds all of the old
    or all of the new content. If it stops while writing, a hidden file
    ``.NAME.*.tmp`` may be left beside it, which nothing reads. ``mode`` are
    its permissions, if not those of any new file.
    """
    # Random, so that two processes that write the same file do not meet.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            # Or the new name could reach the disk before the content.
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what interrupted writers of some files have left behind.

    Nobody else may be writing these files.
    """
    for temporary in folder.glob(f".{pattern}.*.tmp"):
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
