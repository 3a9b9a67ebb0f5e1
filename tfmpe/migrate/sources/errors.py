"""What is raised for a file that cannot be read or must not be written."""

import os
from pathlib import Path

from tfmpe.migrate.errors import one_line

__all__ = ["SourceError", "shown"]


class SourceError(ValueError):
    """A source that cannot be read, understood or written.

    Parameters
    ----------
    file
        The file, as it was given.
    why
        What is wrong, and what to do. Shown on one line.

    Attributes
    ----------
    file : str
        The file, with slashes.
    why : str
        What is wrong with it, on one line.
    """

    def __init__(self, file: str | Path, why: str):
        self.file = shown(file)
        self.why = one_line(why)
        super().__init__(f"{self.file}: {self.why}")


def shown(file: str | Path) -> str:
    """Return a path as text that can be printed, with slashes.

    Parameters
    ----------
    file
        Its name may hold bytes that are no text, or control characters.

    Returns
    -------
    str
    """
    name = os.fsencode(Path(file).as_posix())
    text = name.decode("utf-8", "backslashreplace")
    return one_line(text, limit=5_000)
