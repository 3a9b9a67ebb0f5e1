"""Reading one file, whatever it may be."""

import stat
from pathlib import Path

from .errors import SourceError, reason
from .notebook import Notebook
from .python_file import PythonFile
from .source import Source

__all__ = ["read_content", "read_source"]

MAX_BYTES = 10_000_000
"""Largest Python or configuration file that is read."""

MAX_NOTEBOOK_BYTES = 200_000_000
"""Largest notebook; most of its bytes are pictures."""


def read_source(path: str | Path) -> Source:
    """Read a Python file or a notebook (its name ends in ``.ipynb``).

    Raises
    ------
    SourceError
        If it cannot be read, is too large, is not a regular file, or is not
        text in the encoding that it names. Whether its code is Python is
        known when it is parsed.
    """
    path = Path(path)
    if path.suffix.lower() == ".ipynb":
        return Notebook.from_bytes(path, read_content(path, MAX_NOTEBOOK_BYTES))
    return PythonFile.from_bytes(path, read_content(path))


def read_content(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file that is not too large."""
    try:
        # Before it is opened: to open a pipe could wait for ever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(path, "not a regular file")
        if status.st_size > limit:
            raise SourceError(
                path,
                f"too large: {status.st_size:,} bytes, at most {limit:,} "
                "are read",
            )
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            path, f"it cannot be read ({reason(error)})"
        ) from None
