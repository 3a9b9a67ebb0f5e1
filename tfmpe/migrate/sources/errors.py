"""Error for files that cannot be read or must not be written."""

import os
from pathlib import Path

from tfmpe.migrate.errors import one_line


class SourceError(ValueError):
    """A file (`file`, with slashes), and its fault (`why`)."""

    def __init__(self, file: str | Path, why: str):
        self.file = shown(file)
        self.why = one_line(why)
        super().__init__(f"{self.file}: {self.why}")


def shown(file: str | Path) -> str:
    """Return a path as text with slashes, even with undecodable bytes."""
    name = os.fsencode(Path(file).as_posix())
    text = name.decode("utf-8", "backslashreplace")
    return one_line(text, limit=5_000)


def reason(error: OSError | ValueError) -> str:
    """Return the operating system's message of an error."""
    return getattr(error, "strerror", None) or str(error)
