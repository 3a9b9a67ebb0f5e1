"""Notebooks as JSON files in which only changed cells are replaced."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import SourceError
from .magics import as_python
from .source import Cell, Source

_STRING = r'"(?:[^"\\]|\\.)*"'
_GAP = re.compile(r"[\s,:]+")
_decode = json.JSONDecoder().raw_decode


def notebook(path: Path, content: bytes) -> Source:
    """Return a notebook; only cells in Python have code."""
    try:
        text = content.decode("utf-8")
        stored = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise SourceError(path, f"not JSON: {error}") from None
    try:
        codes = {
            number: "".join(cell["source"])
            for number, cell in enumerate(stored["cells"], start=1)
            if cell["cell_type"] == "code"
        }
    except (LookupError, TypeError) as error:
        fault = f"no {error}" if isinstance(error, KeyError) else error
        why = f"not a notebook of format 4 ({fault}); convert an older one: "
        why += "jupyter nbconvert --to notebook --inplace FILE"
        raise SourceError(path, why) from None
    other = not _is_python(stored)
    cells = tuple(
        Cell(n, code, *as_python(code, other)) for n, code in codes.items()
    )
    places = _sources(text) if codes else []
    spans = [places[number - 1] for number in codes]

    def encode(texts: Sequence[str]) -> bytes:
        escape = text.isascii() and "\\u" in text
        pieces, position = [], 0
        for (start, end), cell, new in zip(spans, cells, texts, strict=True):
            raw = text[start:end]
            if new != cell.text:
                raw = _replaced(raw, new, escape)
            pieces += text[position:start], raw
            position = end
        return "".join([*pieces, text[position:]]).encode("utf-8")

    return Source(path, cells, content, encode)


def _replaced(raw: str, text: str, escape: bool) -> str:
    """Return new text as JSON in the layout of `raw`, line by line."""
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
    """Return the place of each cell's source; (0, 0) if it has none."""
    top = {key: start for key, start, _ in _values(text, text.index("{"))}
    # JSON uses the last of duplicate keys.
    cells = [
        {key: (first, last) for key, first, last in _values(text, start)}
        for _, start, _ in _values(text, top["cells"])
    ]
    return [cell.get("source", (0, 0)) for cell in cells]


def _values(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield the key and place of each value of an object or a list."""
    position, key = start + 1, ""
    while text[position := _after_gap(text, position)] not in "]}":
        if text[start] == "{":
            key, position = _decode(text, position)
            position = _after_gap(text, position)
        _, end = _decode(text, position)
        yield key, position, end
        position = end


def _after_gap(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position


def _is_python(stored: dict[str, Any]) -> bool:
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        with suppress(AttributeError, LookupError, TypeError):
            language = stored["metadata"][section][key].lower()
            return language in ("python", "ipython", "python3")
    return True
