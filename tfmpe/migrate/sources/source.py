"""A file of code in memory: its cells, and its bytes with other code."""

import ast
import bisect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tfmpe.migrate.records.places import Place

from .errors import SourceError, shown
from .magics import Magic

__all__ = ["Cell", "Source"]


def _line_starts(text: str) -> list[int]:
    """Return where the lines start, and the end of the last one."""
    ends = [match.end() for match in re.finditer(r"\r\n?|\n", text)]
    return [0, *ends, len(text)]


@dataclass(frozen=True)
class Cell:
    """Code that is compiled as one.

    `number` counts a notebook's cells from 1, those of text included; it is
    None for a Python file. `code` is `text` with placeholders for `magics`
    and without what indents the whole cell: the beginnings of lines differ.
    """

    number: int | None
    text: str
    code: str
    magics: tuple[Magic, ...] = ()

    @cached_property
    def _lines(self) -> tuple[list[int], list[int]]:
        return _line_starts(self.text), _line_starts(self.code)

    def line(self, number: int) -> str:
        """Return a line of the code, counted from 1."""
        starts = self._lines[1]
        return self.code[starts[number - 1] : starts[number]]

    def offset(self, line: int, column: int) -> int:
        """Return where in `code` a column, from 0, of a line is."""
        return self._lines[1][line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where in `code` a statement or an expression is."""

        def place(line: int, n_bytes: int) -> int:
            # Python counts the bytes of UTF-8.
            before = self.line(line).encode()[:n_bytes]
            return self.offset(line, len(before.decode()))

        n: Any = node
        start = place(n.lineno, n.col_offset)
        return start, place(n.end_lineno, n.end_col_offset)

    def in_text(self, offset: int) -> int:
        """Return where in `text` a place in `code` is."""
        texts, codes = self._lines
        line = bisect.bisect_right(codes[:-1], offset)
        return texts[line] - (codes[line] - offset)


@dataclass(frozen=True)
class Source:
    """A Python file (one cell) or a notebook, and its bytes as they were."""

    path: Path
    cells: tuple[Cell, ...]
    content: bytes
    encode: Callable[[Sequence[str]], bytes]

    def place(self, cell: Cell, offset: int) -> Place:
        """Return where in the file a place in the code of a cell is."""
        at, starts = cell.in_text(offset), cell._lines[0][:-1]
        line = bisect.bisect_right(starts, at)
        column = at - starts[line - 1] + 1
        return Place(shown(self.path), line, column, cell.number)

    def with_texts(self, texts: Sequence[str]) -> bytes:
        """Return the bytes of the file with other texts, all else as it was."""
        before = [cell.text for cell in self.cells]
        if list(texts) == before:
            return self.content
        try:
            if self.encode(before) != self.content:
                why = "written again, other parts of it would change, too"
                raise SourceError(self.path, f"{why}; convert it to UTF-8")
            return self.encode(texts)
        except UnicodeEncodeError as error:
            why = (
                f"{error.object[error.start]!r} cannot be written in its "
                f"encoding, {error.encoding}; convert the file to UTF-8 first"
            )
            raise SourceError(self.path, why) from None
