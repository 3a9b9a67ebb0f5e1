"""A place in a file."""

from dataclasses import dataclass

__all__ = ["Place"]


@dataclass(frozen=True, order=True)
class Place:
    """Where something is; lines, columns and cells count from 1.

    Attributes
    ----------
    file : str
        As given, with slashes.
    cell : int
        Of a notebook, in which lines count anew; 0 for a Python file.
    line, column, end_line, end_column : int
        The end is behind the last character.
    """

    file: str
    cell: int
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        """Give it as editors know it."""
        cell = f"cell {self.cell}:" if self.cell else ""
        return f"{self.file}:{cell}{self.line}:{self.column}"

    def to_json(self) -> dict[str, object]:
        """Return it as json has it.

        Returns
        -------
        dict
        """
        return {
            "file": self.file,
            "cell": self.cell or None,
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
        }
