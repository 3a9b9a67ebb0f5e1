"""Notebooks: JSON in which only the text of changed cells is replaced."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SourceError
from .magics import as_python
from .source import Cell, Source

__all__ = ["Notebook"]

_STRING = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(rf"(?P<string>{_STRING})|(?P<mark>[\[\]{{}}:,])")


@dataclass(frozen=True)
class Notebook(Source):
    """A notebook of Python, in nbformat 4.

    Attributes
    ----------
    json_text : str
    spans : tuple of (int, int)
        Where in it the source of each cell is: a string or a list of them.
    """

    json_text: str
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def from_bytes(cls, path: Path, content: bytes) -> "Notebook":
        """Return the notebook of some JSON, or raise `SourceError`."""
        try:
            text = content.decode("utf-8")
            # Another text with the same value starts with the same mark.
            stored = json.loads(text.removeprefix("\ufeff"))
        except UnicodeDecodeError:
            raise SourceError(path, "not JSON: not UTF-8") from None
        except RecursionError:
            raise SourceError(path, "not JSON: nested too deeply") from None
        except ValueError as error:
            raise SourceError(path, f"not JSON: {error}") from None
        fault = _fault(stored)
        if fault:
            raise SourceError(path, f"not a notebook: {fault}")
        cells, spans = [], []
        if _is_python(stored):
            places = _sources(text)
            for number, cell in enumerate(stored["cells"], start=1):
                if cell["cell_type"] == "code":
                    code = "".join(cell["source"])
                    cells.append(Cell(number, code, *as_python(code)))
                    spans.append(places[number - 1])
        return cls(path, tuple(cells), content, text, tuple(spans))

    def _encode(self, texts: Sequence[str]) -> bytes:
        escape = self.json_text.isascii() and "\\u" in self.json_text
        pieces, position = [], 0
        changes = zip(self.spans, self.cells, texts, strict=True)
        for (start, end), cell, text in changes:
            raw = self.json_text[start:end]
            if text != cell.text:
                raw = _replaced(raw, text, escape)
            pieces += self.json_text[position:start], raw
            position = end
        return "".join([*pieces, self.json_text[position:]]).encode("utf-8")


def _replaced(raw: str, text: str, escape: bool) -> str:
    """Return the JSON of other text, laid out as the JSON `raw` is.

    Lines that are the same are written as they were.
    """
    if not raw.startswith("["):
        return json.dumps(text, ensure_ascii=escape)
    items = list(re.finditer(_STRING, raw))
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if not lines or not items:
        return json.dumps(lines, ensure_ascii=escape)
    written = {json.loads(item.group()): item.group() for item in items}
    opening, closing = raw[: items[0].start()], raw[items[-1].end() :]
    between = f",{opening[1:] or ' '}"
    if len(items) > 1:
        between = raw[items[0].end() : items[1].start()]
    new = (
        written.get(line) or json.dumps(line, ensure_ascii=escape)
        for line in lines
    )
    return f"{opening}{between.join(new)}{closing}"


def _sources(text: str) -> list[tuple[int, int]]:
    """Return where the source of each cell is; a cell without has (0, 0)."""
    found: list[tuple[int, int]] = []
    # What encloses a token: the last key of an object, None in a list.
    path: list[str | None] = []
    start, is_key = 0, False
    for token in _TOKEN.finditer(text):
        mark = token["mark"]
        if token["string"] and is_key and path:
            path[-1], is_key = json.loads(token["string"]), False
            continue
        if mark in ("{", "["):
            if path == ["cells"] and mark == "[":
                # Of a key that is there twice, JSON takes the last.
                found = []
            if path == ["cells", None] and mark == "{":
                found.append((0, 0))
            if path == ["cells", None, "source"]:
                start = token.start()
            path.append("" if mark == "{" else None)
        elif mark in ("}", "]"):
            path.pop()
            if path == ["cells", None, "source"]:
                found[-1] = start, token.end()
        elif token["string"] and path == ["cells", None, "source"]:
            found[-1] = token.span()
        is_key = mark == "{" or (mark == "," and path[-1] is not None)
    return found


def _fault(stored: Any) -> str:
    if not isinstance(stored, dict):
        return "the JSON is not an object"
    if "worksheets" in stored or stored.get("nbformat") in (1, 2, 3):
        return (
            f"it has the old format {stored.get('nbformat', 3)}; convert it: "
            "jupyter nbconvert --to notebook --inplace FILE"
        )
    cells = stored.get("cells")
    if not isinstance(cells, list):
        return "it has no list of cells"
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or "cell_type" not in cell:
            return f"cell {number} is not one"
        source = cell.get("source")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            return f"the source of cell {number} is not text"
    return ""


def _is_python(stored: dict[str, Any]) -> bool:
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        try:
            return stored["metadata"][section][key].lower() in (
                "python", "ipython", "python3",
            )  # fmt: skip
        except (AttributeError, LookupError, TypeError):
            continue
    return True
