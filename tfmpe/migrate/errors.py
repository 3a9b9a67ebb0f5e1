"""What the migration tools raise, each with one clear line."""

from pathlib import Path

__all__ = ["RecordingError", "one_line"]


class RecordingError(ValueError):
    """Stored output that is missing, broken, or not in our format.

    Parameters
    ----------
    file
        The file (or folder) at fault.
    fault
        What is wrong with it. Shown on one line, whatever it holds:
        part of it may come from a hostile file.

    Attributes
    ----------
    file : str
        The file at fault.
    fault : str
        What is wrong with it, on one line.
    """

    def __init__(self, file: str | Path, fault: str):
        self.file = one_line(str(file))
        self.fault = one_line(fault)
        super().__init__(f"{self.file}: {self.fault}")


def one_line(text: str, limit: int = 500) -> str:
    """Return `text` without line breaks or control characters.

    Parameters
    ----------
    text
        Any text; it may come from a file that somebody else wrote.
    limit
        Longest result, in characters.

    Returns
    -------
    str
        Printable text on one line.
    """
    kept = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return kept if len(kept) <= limit else kept[: limit - 3] + "..."
