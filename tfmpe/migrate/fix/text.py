"""Replacing spans of a text, and knowing which line each line came from."""

import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfmpe.migrate.names.others import Others

from .module import Module
from .present import parsed
from .result import Change, Span

__all__ = ["TrackedText", "compatible", "overlaps"]

_NEWLINE = re.compile(rb"\r\n?|\n")


def compatible(changes: Iterable[Change]) -> list[Change]:
    """Return as many changes as can be made at once, the first ones first."""
    kept: list[Change] = []
    taken: list[Span] = []
    for change in changes:
        if not any(
            _overlap(span, other) for span in change.spans for other in taken
        ):
            kept.append(change)
            taken += change.spans
    return kept


def overlaps(spans: Iterable[Span]) -> bool:
    """Whether some of these cannot be replaced together."""
    ordered = sorted(set(spans), key=lambda each: (each.start, each.end))
    return any(_overlap(a, b) for a, b in itertools.pairwise(ordered))


def _overlap(a: Span, b: Span) -> bool:
    return a.start < b.end and b.start < a.end


class TrackedText:
    """A text that is changed in steps.

    Parameters
    ----------
    text
        The text as it is.
    path
        Its file.
    others
        The project that it is part of.

    Attributes
    ----------
    text : str
    """

    def __init__(self, text: str, path: Path, others: Others):
        self.text = text
        self._path, self._others = path, others
        self._module: Module | None = None
        n_lines = len(_NEWLINE.findall(text.encode())) + 1
        self._origins: Sequence[int] = range(1, n_lines + 1)

    @property
    def module(self) -> Module:
        """The present text, parsed; once for as long as it stays."""
        if self._module is None:
            self._module = parsed(self.text, self._path, self._others)
        return self._module

    def line(self, start: int) -> int:
        """Return the original line of a place in the present text."""
        return self._origins[_line_number(self.text.encode(), start)]

    def apply(self, spans: Iterable[Span]) -> None:
        """Replace spans that do not overlap; each once."""
        source, parts, origins, at = self.text.encode(), [], [], 0
        new_line = True

        def add(piece: bytes, first: int, step: int) -> None:
            nonlocal new_line
            number = first
            for line in _lines(piece):
                if new_line:
                    origins.append(self._origins[number])
                new_line = _NEWLINE.search(line) is not None
                number += step if new_line else 0
            parts.append(piece)

        each_once = dict.fromkeys(spans)
        if not each_once:
            return
        self._module = None
        for span in sorted(each_once, key=lambda each: (each.start, each.end)):
            add(source[at : span.start], _line_number(source, at), 1)
            here = _line_number(source, span.start)
            add(span.text.encode(), here, 0)
            at = span.end
        add(source[at:], _line_number(source, at), 1)
        if new_line:
            origins.append(self._origins[-1])
        self.text = b"".join(parts).decode()
        self._origins = origins


def _line_number(source: bytes, offset: int) -> int:
    return len(_NEWLINE.findall(source, 0, offset))


def _lines(piece: bytes) -> list[bytes]:
    return piece.splitlines(keepends=True) if piece else []
