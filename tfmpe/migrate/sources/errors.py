"""The error of a file that cannot be read or must not be written."""

import os
from pathlib import Path

from tfmpe.migrate.errors import one_line

__all__ = ["SourceError", "shown"]


class SourceError(ValueError):
    """A file that cannot be read, understood or written.

    Parameters
    ----------
    file
        As it was given; the attribute is the name as text, with slashes.
    why
        What is wrong, and what to do. Shown on one line.
    """

    def __init__(self, file: str | Path, why: str):
        self.file = shown(file)
        self.why = one_line(why)
        super().__init__(f"{self.file}: {self.why}")


def shown(file: str | Path) -> str:
    """Return a path as printable text with slashes.

    The name may hold bytes that are not text, or control characters.
    """
    name = os.fsencode(Path(file).as_posix())
    text = name.decode("utf-8", "backslashreplace")
    return one_line(text, limit=5_000)


def reason(error: OSError | ValueError) -> str:
    """Return what an error of the operating system says."""
    return getattr(error, "strerror", None) or str(error)
