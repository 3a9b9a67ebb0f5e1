"""A file of code as one text, and where its parts are in the file."""

import bisect
import re

import libcst as cst
from libcst.metadata import CodeRange

from .errors import shown
from .parse import parse
from .place import Place
from .source import Cell, Source

__all__ = ["Document"]

_BREAK = re.compile(r"\r\n?|\n")


class Document:
    """The cells of a source joined, as they share their names.

    Parameters
    ----------
    source
        A Python file or a notebook.
    """

    def __init__(self, source: Source):
        self.source = source
        self.name = shown(source.path)
        self._starts: list[int] = []
        pieces: list[str] = []
        line = 1
        for cell in source.cells:
            code = cell.code
            if cell.number is not None and not code.endswith(("\n", "\r")):
                code += "\n"
            self._starts.append(line)
            pieces.append(code)
            line += len(_BREAK.findall(code))
        self._code = "".join(pieces)

    def module(self) -> cst.Module:
        """Return the syntax of the whole.

        Returns
        -------
        Module

        Raises
        ------
        SourceError
            As `parse` does.
        """
        return parse(self.source, Cell(None, self._code))

    def place(self, where: CodeRange) -> Place:
        """Return where a part of the whole is in the file.

        Parameters
        ----------
        where
            Its lines in the whole, as libcst counts.

        Returns
        -------
        Place
        """
        index = bisect.bisect_right(self._starts, where.start.line) - 1
        first = self._starts[index]
        return Place(
            self.name,
            self.source.cells[index].number or 0,
            where.start.line - first + 1,
            where.start.column + 1,
            where.end.line - first + 1,
            where.end.column + 1,
        )

    def magic_places(self) -> list[tuple[Place, str]]:
        """Return the pieces of IPython's own syntax and where they are.

        Returns
        -------
        list of (Place, str)
        """
        return [
            (
                Place(
                    self.name,
                    cell.number or 0,
                    magic.line,
                    1,
                    magic.line,
                    len(magic.text) + 1,
                ),
                magic.text,
            )
            for cell in self.source.cells
            for magic in cell.magics
        ]
