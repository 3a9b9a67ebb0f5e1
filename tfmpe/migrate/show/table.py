"""Tables and sentences as plain lines, for terminals and log files.

Each row is one line, which is never cut or wrapped: numbers come first, names
last. Needs `rich` (extra `cli`).
"""

import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text


def print_rows(
    console: Console,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    optional: Sequence[str] = (),
    styles: Iterable[str | None] = (),
) -> None:
    """Print rows below headings; optional columns only if they fit."""
    cells = [list(headings), *([str(cell) for cell in row] for row in rows)]
    shown = list(range(len(headings)))
    leaving = list(optional)
    while True:
        widths = [max(len(row[i]) for row in cells) for i in shown]
        if sum(widths) + 2 * len(widths) <= console.width or not leaving:
            break
        shown.remove(list(headings).index(leaving.pop(0)))
    widths[-1] = 0
    lines = [
        "".join(f"  {row[i]:>{w}}" for i, w in zip(shown, widths, strict=True))
        for row in cells
    ]
    row_styles = ["bold", *styles]
    row_styles += [None] * (len(lines) - len(row_styles))
    for line, style in zip(lines, row_styles, strict=True):
        console.print(Text(line, style=style or ""), soft_wrap=True)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a sentence, wrapped between words, with later lines indented."""
    broken = textwrap.fill(
        text,
        max(console.width, 20),
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.print(Text(broken, style=style), soft_wrap=True)
