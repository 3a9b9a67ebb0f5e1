"""The page: one file of HTML without scripts and without links to others.

Values come from files that somebody else may have written. Jinja escapes all
of them, and the page forbids itself every script and every request, so that
even a value that slipped through could do nothing. The filter of the sites is
done by style alone.

Needs `jinja2` (extra `cli`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any, NamedTuple

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from tfmpe.migrate.show.words import counted

from .content import PageContent
from .drawing import can_draw, draw_masks
from .facts import about, facts_of, notes_of
from .run_inputs import Size
from .sites import STATUSES, JoinedSite
from .verdict import sums

__all__ = ["to_html"]

MAX_DIFFERENCES = 200
"""Most differences that are shown; the json has all."""

MAX_ARRAYS = 200
"""Most arrays of one function that are shown; the json has all."""

MAX_PICTURES = 20
"""Most differing masks that are drawn."""

_SYMBOLS = {
    "differs": "✗",
    "undecided": "?",
    "unseen": "○",
    "seen": "◐",
    "within tolerance": "≈",
    "identical": "✓",
    "rewritten": "➜",
    "no result": "·",
}
_MEANINGS = {
    "differs": "the bridge gave something else than the legacy package",
    "undecided": "perhaps a legacy call; no run has shown it",
    "unseen": "no run has met it",
    "seen": "ran, but was not compared",
    "within tolerance": "values differ less than a stated tolerance",
    "identical": "every compared call gave the same bits",
    "rewritten": "tfmpe fix has changed it",
    "no result": "an import, a pattern, a class: nothing to compare",
}
_OUTCOMES = {
    0: ("good", "✓"),
    1: ("work", "✗"),
    3: ("incomplete", "!"),
}


def to_html(content: PageContent) -> str:
    """Return the page.

    Parameters
    ----------
    content
        What it shows.

    Returns
    -------
    str
        A whole document.
    """
    outcome, symbol = _OUTCOMES[content.exit_code]
    pictures = [
        (each, draw_masks(each.masks))
        for each in content.differences
        if each.masks is not None and can_draw(each.masks)
    ][:MAX_PICTURES]
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            content=content,
            outcome=outcome,
            outcome_symbol=symbol,
            inputs=[
                (
                    source,
                    about(source.content),
                    notes_of(source.content),
                    facts_of(source.content),
                )
                for source in content.sources
            ],
            files=_by_file(content.sites),
            sums=sums(content.sites),
            statuses=STATUSES,
            symbols=_SYMBOLS,
            meanings=_MEANINGS,
            differences=content.differences[:MAX_DIFFERENCES],
            pictures=pictures,
            max_arrays=MAX_ARRAYS,
            n_masks=sum(each.masks is not None for each in content.differences),
        )
    )


_TEMPLATE, _STYLE = "page.html.jinja", "page.css"


def _environment() -> Environment:
    folder = files("tfmpe.migrate.page")
    environment = Environment(
        loader=DictLoader(
            {
                name: folder.joinpath(name).read_text("utf-8")
                for name in (_TEMPLATE, _STYLE)
            }
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "slug": lambda status: status.replace(" ", "-"),
        "size": _size,
        "seconds": _seconds,
        "bytes": _bytes,
        "ratio": _ratio,
        "shares": _shares,
    }
    return environment


class _File(NamedTuple):
    name: str
    counts: dict[str, int]
    sites: list[JoinedSite]


def _by_file(sites: Iterable[JoinedSite]) -> list[_File]:
    found = []
    for name, group in groupby(sites, lambda each: each.site.file):
        members = list(group)
        counts = Counter(each.status for each in members)
        ordered = {each: counts[each] for each in STATUSES if counts[each]}
        found.append(_File(name, ordered, members))
    return found


def _printable(value: Any) -> Any:
    """Show what could hide or reorder text, and half characters, as boxes."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\ufffd" for c in value
    )


def _size(size: Size) -> str:
    return size if isinstance(size, str) else f"{size:.3g}"


def _seconds(value: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def _bytes(value: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g} B"


def _ratio(pair: Sequence[float]) -> str:
    """Return how many times less the new side needs, or more."""
    old, new = pair
    if not old or not new:
        return ""
    if math.isclose(old, new, rel_tol=0.005):
        return "the same"
    if old > new:
        return f"{_times(old / new)} times less"
    return f"{_times(new / old)} times more"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"


def _shares(pair: Sequence[float]) -> list[float]:
    """Return both as percent of the larger."""
    largest = max(pair) or 1.0
    return [round(100 * value / largest, 2) for value in pair]
