"""The error of a file that cannot be read or must not be written."""

import os
from pathlib import Path

from tfmpe.migrate.errors import one_line


class SourceError(ValueError):
    """A file (`file`, with slashes), and what is wrong with it (`why`)."""

    def __init__(self, file: str | Path, why: str):
        self.file = shown(file)
        self.why = one_line(why)
        super().__init__(f"{self.file}: {self.why}")


def shown(file: str | Path) -> str:
    """Return a path as text with slashes, whatever bytes its name holds."""
    name = os.fsencode(Path(file).as_posix())
    text = name.decode("utf-8", "backslashreplace")
    return one_line(text, limit=5_000)


def reason(error: OSError | ValueError) -> str:
    """Return what the operating system says of an error."""
    return getattr(error, "strerror", None) or str(error)
