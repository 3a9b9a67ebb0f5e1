"""Notebooks: JSON in which only the text of changed cells is replaced."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SourceError
from .magics import as_python
from .source import Cell, Source
from .spans import Span, cell_spans

__all__ = ["Notebook"]


@dataclass(frozen=True)
class Notebook(Source):
    """A notebook of Python, in nbformat 4.

    Attributes
    ----------
    json_text : str
    spans : tuple of Span
        Where in it the text of each cell is.
    """

    json_text: str
    spans: tuple[Span, ...]

    @classmethod
    def from_bytes(cls, path: Path, content: bytes) -> "Notebook":
        """Read a notebook's JSON; `path` is its name, for errors.

        Raises
        ------
        SourceError
            If it is not a notebook, or one of an older format.
        """
        try:
            text = content.decode("utf-8")
            # Another text with the same value starts with the same mark.
            stored = json.loads(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            raise SourceError(path, f"not JSON: {_short(error)}") from None
        _check(path, stored)
        found = enumerate(cell_spans(text), start=1)
        spans = {n: span for n, span in found if span and _is_python(stored)}
        cells = (Cell(n, s.code, *as_python(s.code)) for n, s in spans.items())
        return cls(path, tuple(cells), content, text, tuple(spans.values()))

    def _encode(self, texts: Sequence[str]) -> bytes:
        pieces = []
        position = 0
        escape = self.json_text.isascii() and "\\u" in self.json_text
        for span, text in zip(self.spans, texts, strict=True):
            pieces += (
                self.json_text[position : span.start],
                span.with_code(text, escape=escape),
            )
            position = span.end
        pieces.append(self.json_text[position:])
        return "".join(pieces).encode("utf-8")


def _check(path: Path, stored: Any) -> None:
    if not isinstance(stored, dict):
        raise SourceError(path, "not a notebook: the JSON is not an object")
    if "worksheets" in stored or stored.get("nbformat") in (1, 2, 3):
        raise SourceError(
            path,
            f"a notebook of the old format {stored.get('nbformat', 3)}; "
            "convert it: jupyter nbconvert --to notebook --inplace FILE",
        )
    cells = stored.get("cells")
    if not isinstance(cells, list):
        raise SourceError(path, "not a notebook: it has no list of cells")
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or not isinstance(
            cell.get("cell_type"), str
        ):
            raise SourceError(path, f"not a notebook: cell {number} is not one")
        source = cell.get("source")
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            raise SourceError(
                path, f"not a notebook: the source of cell {number} is not text"
            )


def _is_python(stored: dict[str, Any]) -> bool:
    metadata = stored.get("metadata")
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        part = metadata.get(section) if isinstance(metadata, dict) else None
        name = part.get(key) if isinstance(part, dict) else None
        if isinstance(name, str):
            return name.lower() in ("python", "ipython", "python3")
    return True


def _short(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
