"""Errors of the migration tools, each with a one-line message."""

from pathlib import Path


class RecordingError(ValueError):
    """Stored output that is missing, broken, or in a different format."""

    def __init__(self, file: str | Path, fault: str):
        self.file = one_line(str(file))
        self.fault = one_line(fault)
        super().__init__(f"{self.file}: {self.fault}")


def one_line(text: str, limit: int = 500) -> str:
    """Return a text without control characters, cut at a limit."""
    kept = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return kept if len(kept) <= limit else kept[: limit - 3] + "..."
