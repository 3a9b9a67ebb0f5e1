"""Where in a notebook's JSON the text of its cells is written."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Span", "cell_spans"]

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True)
class Span:
    """The value of a cell's ``source`` in the JSON.

    Attributes
    ----------
    start, end : int
        Where it is.
    raw : str
        The JSON there: a string, or a list of lines.
    code : str
        What it says.
    """

    start: int
    end: int
    raw: str
    code: str

    def with_code(self, code: str, *, escape: bool) -> str:
        """Return the JSON of other code, laid out as this one.

        Lines that are the same are written as they were; in others,
        characters beyond ASCII are escaped on request.
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
        if not lines or not items:
            return json.dumps(lines, ensure_ascii=escape)
        opening = self.raw[: items[0][0]]
        closing = self.raw[items[-1][1] :]
        between = (
            self.raw[items[0][1] : items[1][0]]
            if len(items) > 1
            else f",{opening[1:] or ' '}"
        )
        return f"{opening}{between.join(lines)}{closing}"


def cell_spans(text: str) -> Iterator[Span | None]:
    """Yield where the code of each cell is, or None for a cell of text.

    Parameters
    ----------
    text
        Valid JSON of a notebook.
    """
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    cells = dict(_members(text, start))["cells"]
    for cell, _ in _items(text, cells[0]):
        # Of a key that is there twice, JSON takes the last.
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
    """Yield the keys of an object, and where their values are."""
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _decode(text, position)
        position = _skip(text, _skip(text, position) + 1)
        _, end = _decode(text, position)
        yield key, (position, end)
        position = _next(text, end)


def _items(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where the elements of a list are."""
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
