"""Writing a file back: whole or not at all, and only what was read."""

import os
import stat
from pathlib import Path

from tfmpe.preprocessing._atomic import write_atomically

from .errors import SourceError, reason

__all__ = ["replace_content"]


def replace_content(
    path: Path, old: bytes, new: bytes, *, backup: bool = False
) -> None:
    """Replace the content of a file, and keep its permissions.

    Parameters
    ----------
    path
        A file; of a symbolic link, the file that it leads to is written.
    old, new
        What it holds, and what it shall hold.
    backup
        Whether to leave the old content beside it, as ``NAME.orig``.

    Raises
    ------
    SourceError
        If it is not what it was, or must not be written.
    """
    try:
        real = Path(os.path.realpath(path))
        status = real.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if status.st_nlink > 1:
            raise SourceError(
                path,
                f"the file has {status.st_nlink} names (hard links), which "
                "replacing it would separate; it is not written",
            )
        if not mode & stat.S_IWUSR or not os.access(real, os.W_OK):
            raise SourceError(
                path, "the file is read-only; make it writable first"
            )
        if real.read_bytes() != old:
            raise SourceError(
                path, "the file was changed since it was read; start again"
            )
        if backup:
            original = real.with_name(f"{real.name}.orig")
            if os.path.lexists(original):
                raise SourceError(
                    path, f"{original.name} exists already; move it away"
                )
            write_atomically(original, old, mode=mode)
        write_atomically(real, new, mode=mode)
    except OSError as error:
        raise SourceError(
            path, f"it cannot be written ({reason(error)})"
        ) from None
