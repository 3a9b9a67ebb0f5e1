"""One-line comments for what is left to a person."""

import re
from collections.abc import Iterable

from .module import Module
from .result import Remark, Span

__all__ = ["comments"]


def comments(module: Module, remarks: Iterable[Remark]) -> list[Span]:
    """Return the comments to insert, one for each statement and code.

    Parameters
    ----------
    module : Module
    remarks : iterable of Remark

    Returns
    -------
    list of Span
        Above the statements; nothing where a comment with the code is there
        already.
    """
    found: dict[tuple[int, str], Span] = {}
    for remark in remarks:
        if not remark.comment:
            continue
        start = module.span(module.statement_at(remark.start))[0]
        start = module.line_start(start)
        if remark.code in _codes_above(module, start):
            continue
        text = (
            f"{module.indent(start)}# TODO(tfmpe {remark.code}): {remark.why}; "
            f"MIGRATION.md#{remark.code.lower()}{module.newline}"
        )
        found.setdefault((start, remark.code), Span(start, start, text))
    return list(found.values())


def _codes_above(module: Module, start: int) -> set[str]:
    """Return the codes that the comments right above a line name."""
    codes: set[str] = set()
    while start:
        before = module.line_start(start - _width_of_end(module.text, start))
        line = module.text[before:start].decode().strip()
        if not line.startswith("#"):
            break
        codes.update(re.findall(r"TODO\(tfmpe (\w+)\)", line))
        start = before
    return codes


def _width_of_end(text: bytes, end: int) -> int:
    return 2 if text[end - 2 : end] == b"\r\n" else 1
