"""A source file in memory: its cells, and its bytes after an edit."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tfmpe.migrate.records.places import Place

from .errors import SourceError, shown
from .magics import Magic

_AFTER_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")


@dataclass(frozen=True)
class Cell:
    """Code that is compiled as one unit.

    `number` counts all cells of a notebook from 1, including text; it is None
    for a Python file. `code` is `text` with placeholders for `magics` and
    without common indentation: it differs only at the beginnings of lines.
    """

    number: int | None
    text: str
    code: str
    magics: tuple[Magic, ...] = ()

    @cached_property
    def _lines(self) -> tuple[list[str], list[str]]:
        return _AFTER_END.split(self.text), _AFTER_END.split(self.code)

    def line(self, number: int) -> str:
        """Return a line of the code, counted from 1."""
        return self._lines[1][number - 1]

    def column(self, line: int, column: int) -> int:
        """Return the column in the text for a column in the code."""
        text, code = self._lines
        return column + len(text[line - 1]) - len(code[line - 1])

    def column_of(self, line: int, n_bytes: int) -> int:
        """Return the column in the text for a UTF-8 column of `ast`."""
        before = self.line(line).encode()[:n_bytes]
        return self.column(line, len(before.decode()))

    def offset(self, line: int, n_bytes: int) -> int:
        """Return the offset in the whole text for a place in `ast`."""
        above = self._lines[0][: line - 1]
        return sum(map(len, above)) + self.column_of(line, n_bytes)


@dataclass(frozen=True)
class Source:
    """A Python file (one cell) or a notebook, with its original bytes."""

    path: Path
    cells: tuple[Cell, ...]
    content: bytes
    encode: Callable[[Sequence[str]], bytes]

    def place(self, cell: Cell, line: int, column: int) -> Place:
        """Return a place in the file, with the column in the text."""
        return Place(shown(self.path), line, column + 1, cell.number)

    def with_texts(self, texts: Sequence[str]) -> bytes:
        """Return the file's bytes with new texts for cells, else unchanged."""
        before = [cell.text for cell in self.cells]
        if list(texts) == before:
            return self.content
        try:
            if self.encode(before) != self.content:
                why = "rewriting it would change other parts"
                raise SourceError(self.path, f"{why}; convert it to UTF-8")
            return self.encode(texts)
        except UnicodeEncodeError as error:
            why = f"{error.object[error.start]!r} cannot be written in "
            why += f"{error.encoding}; convert the file to UTF-8 first"
            raise SourceError(self.path, why) from None
