"""Notebook display of tokens as an HTML table."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from .summary import cut, rules_for_people
from .text import (
    dimensions_in_words,
    headline,
    key_table,
    padding_in_words,
    padding_of,
    shorten,
)

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.queries import TokenQueries

_MAX_OPEN = 20
# Colors are the notebook's own, so that dark themes stay readable; its row
# stripes are switched off because they set a background color.
_PLAIN = "background:none;color:inherit"
_LINE = "border:none;border-bottom:1px solid rgba(128,128,128,0.4)"
_CELL = f"{_PLAIN};{_LINE};padding:1px 10px 1px 0;text-align:left"


def to_html(tokens: "TokenQueries") -> str:
    """Return keys, rules and padding as one HTML element, with escaped text."""
    titles, *rows = key_table(tokens.layout)
    lines = [_row("th", titles), *(_row("td", row) for row in rows)]
    table = (
        f'<table style="{_PLAIN};border-collapse:collapse;margin:4px 0">'
        f"{''.join(lines)}</table>"
    )
    if len(rows) > _MAX_OPEN:
        fold = "<details><summary>{}</summary>{}</details>"
        table = fold.format(f"{len(rows)} keys", table)
    items = cut(rules_for_people(tokens.layout), _MAX_OPEN)
    items += dimensions_in_words(tokens.layout)
    items.append("padding: " + padding_in_words(padding_of(tokens)))
    listed = "".join(f"<li>{_safe(item.strip())}</li>" for item in items)
    return (
        f'<div style="{_PLAIN};font-size:90%">'
        f"<div><b>{_safe(headline(tokens))}</b></div>"
        f'{table}<ul style="margin:4px 0;padding-left:18px">{listed}'
        "</ul></div>"
    )


def _row(tag: str, cells: Sequence[str]) -> str:
    inner = "".join(
        f'<{tag} style="{_CELL}">{_safe(cell)}</{tag}>' for cell in cells
    )
    return f'<tr style="{_PLAIN}">{inner}</tr>'


def _safe(text: str) -> str:
    return escape(shorten(text, 300))
