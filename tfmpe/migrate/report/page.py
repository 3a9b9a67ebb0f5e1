"""HTML page of the report: one file without scripts or external links.

Values come from files that are not trusted. Jinja escapes all of them, and the
page's content security policy forbids all scripts and requests.
"""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
from tfmpe.migrate.show.words import counted, in_bytes, in_seconds, ratio

from .drawing import draw_masks
from .views import STATUSES, Report

# Largest numbers of differences, arrays, and masks shown.
MAX_SHOWN, MAX_PICTURES = 200, 20
_SYMBOLS = dict(zip(STATUSES, "✗➜○◐≈✓✓·", strict=True))
_OUTCOMES = {
    CLEAN: ("identical", "✓"),
    FINDINGS: ("left", "✗"),
    INCOMPLETE: ("different", "!"),
}


def to_html(report: Report) -> str:
    """Return the report as an HTML document."""
    masks = [(d, d.masks) for d in report.differences if d.masks is not None]
    drawn = [(d, draw_masks(each)) for d, each in masks[:MAX_PICTURES]]
    pictures = [(d, picture) for d, picture in drawn if picture]
    environment = Environment(
        loader=PackageLoader("tfmpe.migrate.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "slug": lambda status: status.replace(" ", "-"),
        "size": lambda size: f"{float(size):.3g}",
        "seconds": in_seconds,
        "bytes": in_bytes,
        "ratio": lambda pair: ratio(*pair),
    }
    return environment.get_template("page.html.jinja").render(
        report=report,
        outcome=_OUTCOMES[report.exit_code],
        symbols=_SYMBOLS,
        pictures=pictures,
        not_drawn=len(masks) - len(pictures),
        max_shown=MAX_SHOWN,
    )


def _printable(value: Any) -> Any:
    """Replace invisible, reordering and invalid characters with boxes."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\ufffd" for c in value
    )
