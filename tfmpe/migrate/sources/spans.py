"""Where in a notebook's json the code of its cells is written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Span", "cell_spans"]

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True)
class Span:
    """The value of a cell's ``source`` in the json.

    Attributes
    ----------
    start, end : int
        Where it is.
    raw : str
        The json there: a string, or a list of lines.
    code : str
        What it says.
    """

    start: int
    end: int
    raw: str
    code: str

    def with_code(self, code: str, *, escape: bool) -> str:
        """Return json of other code, laid out as this one.

        Parameters
        ----------
        code
            New code.
        escape
            Whether characters beyond ASCII are escaped.

        Returns
        -------
        str
            This json itself where the code is the same; lines that are the
            same are written as they were.
        """
        if code == self.code:
            return self.raw
        if not self.raw.startswith("["):
            return json.dumps(code, ensure_ascii=escape)
        items = list(_items(self.raw, 0))
        written = {
            json.loads(self.raw[start:end]): self.raw[start:end]
            for start, end in items
        }
        lines = [
            written.get(line) or json.dumps(line, ensure_ascii=escape)
            for line in re.findall(r"[^\n]*\n|[^\n]+", code)
        ]
        if not lines:
            return "[]"
        opening, closing, between = "[", "]", ", "
        if items:
            opening = self.raw[: items[0][0]]
            closing = self.raw[items[-1][1] :]
            between = (
                self.raw[items[0][1] : items[1][0]]
                if len(items) > 1
                else f",{opening[1:] or ' '}"
            )
        return f"{opening}{between.join(lines)}{closing}"


def cell_spans(text: str) -> Iterator[Span | None]:
    """Find the code of every cell of a notebook.

    Parameters
    ----------
    text
        Valid json of a notebook.

    Yields
    ------
    Span or None
        One for each cell; None if it is a cell of text.
    """
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    cells = dict(_members(text, start))["cells"]
    for cell, _ in _items(text, cells[0]):
        # Of a key that is there twice, json takes the last.
        members = dict(_members(text, cell))
        kind, _ = _decode(text, members["cell_type"][0])
        if kind != "code":
            yield None
            continue
        first, last = members["source"]
        value, _ = _decode(text, first)
        code = value if isinstance(value, str) else "".join(value)
        yield Span(first, last, text[first:last], code)


def _members(text: str, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Give the keys of an object, and where their values are."""
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _decode(text, position)
        position = _skip(text, _skip(text, position) + 1)
        _, end = _decode(text, position)
        yield key, (position, end)
        position = _next(text, end)


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Give where the elements of a list are."""
    position = _skip(text, start + 1)
    while text[position] != "]":
        _, end = _decode(text, position)
        yield position, end
        position = _next(text, end)


def _next(text: str, end: int) -> int:
    position = _skip(text, end)
    return _skip(text, position + 1) if text[position] == "," else position


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
