"""A file of code in memory: its cells, and its bytes with other code."""

import bisect
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .errors import SourceError
from .magics import Magic

__all__ = ["Cell", "Source", "line_starts"]

_BREAK = re.compile(r"\r\n?|\n")


def line_starts(text: str) -> list[int]:
    """Return where each line of a text starts, as Python counts lines."""
    return [0, *(match.end() for match in _BREAK.finditer(text))]


@dataclass(frozen=True)
class Cell:
    """Code that is compiled as one.

    Attributes
    ----------
    number : int or None
        Of a notebook's cell, from 1 and with cells of text counted; None for
        a Python file.
    text : str
        As the user wrote it.
    code : str
        The same lines as Python: magics are placeholders, and what indents
        the whole cell is taken away. Only the beginning of a line differs.
    magics : tuple of Magic
        IPython's own syntax in it.
    """

    number: int | None
    text: str
    code: str
    magics: tuple[Magic, ...] = ()

    @cached_property
    def _lines(self) -> tuple[list[int], list[int]]:
        return (
            [*line_starts(self.text), len(self.text)],
            [*line_starts(self.code), len(self.code)],
        )

    def code_line(self, line: int) -> str:
        """Return a line of the code, counted from 1."""
        starts = self._lines[1]
        return self.code[starts[line - 1] : starts[line]]

    def code_offset(self, line: int, n_bytes: int) -> int:
        """Return where in `code` a place of Python's syntax tree is."""
        before = self.code_line(line).encode()[:n_bytes].decode()
        return self._lines[1][line - 1] + len(before)

    def from_code(self, offset: int) -> int:
        """Return where in `text` a place in `code` is."""
        texts, codes = self._lines
        line = bisect.bisect_right(codes[:-1], offset)
        return texts[line] - (codes[line] - offset)


@dataclass(frozen=True)
class Source(ABC):
    """A Python file (one cell) or a notebook, read whole.

    Attributes
    ----------
    path : Path
        As given.
    cells : tuple of Cell
    content : bytes
        The file as it was.
    """

    path: Path
    cells: tuple[Cell, ...]
    content: bytes

    def with_texts(self, texts: Sequence[str]) -> bytes:
        """Return the bytes of the file with other texts of its cells.

        Whatever is not code stays as it was, byte by byte.

        Raises
        ------
        SourceError
            If this cannot be written in the file's encoding.
        """
        if len(texts) != len(self.cells):
            raise ValueError(
                f"{self.path}: {len(texts)} texts for {len(self.cells)} cells"
            )
        if all(t == c.text for t, c in zip(texts, self.cells, strict=True)):
            return self.content
        try:
            return self._encode(texts)
        except UnicodeEncodeError as error:
            why = (
                f"{error.object[error.start]!r} cannot be written in its "
                f"encoding, {error.encoding}; convert the file to UTF-8 first"
            )
            raise SourceError(self.path, why) from None
        except ValueError as error:
            raise SourceError(self.path, str(error)) from None

    @abstractmethod
    def _encode(self, texts: Sequence[str]) -> bytes:
        """Return the bytes of the file with these texts."""
