"""Markdown and JSON forms of an entry."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from .entry import Advice, Defect, Entry

# Code of the data that the examples of all entries use.
_EXAMPLE_DATA = Path(__file__).with_name("example_data.txt").read_text("utf-8")


def example_data_of(entry: Entry) -> str:
    """Return the example data that an entry's examples use."""
    code = entry.before + entry.after
    if re.search(r"(?<![\w\"'.])(theta|y|rules)\b(?![=\"'])", code):
        return _EXAMPLE_DATA
    return _EXAMPLE_DATA.partition("\n#")[0]


def as_markdown(entry: Entry) -> str:
    """Return an entry as Markdown, in lines of at most 79 characters."""
    said = f"{entry.summary[0].upper()}{entry.summary[1:]}.\n\n{entry.text}"
    sections = {}
    if isinstance(entry, Advice):
        names = [item for m in entry.names.values() for item in m.items()]
        lines = [_wrapped(f"- `{name}`: {new}", "  ") for name, new in names]
        said += "\n\n" + "\n".join(lines) if lines else ""
        sections["What to do"] = entry.what_to_do
    elif isinstance(entry, Defect):
        sections["Cost"] = entry.cost
        sections["Bridge"] = _wrapped(" ".join(_bridge(entry)))
        sections["Core"] = entry.core
    for title in ("Before", "After", "Then"):
        sections[title] = _code(getattr(entry, title.lower()))
    if entry.before:
        sections["Data and imports"] = _code(example_data_of(entry))
    page = [f"# {entry.code} {entry.name}", said]
    page += [f"## {title}\n\n{s}" for title, s in sections.items() if s]
    return "\n\n".join(page) + "\n"


def _bridge(entry: Defect) -> Iterator[str]:
    """Describe the bridge's warning and fix of a defect."""
    if entry.warning:
        yield f"Warns with `{entry.warning}`."
    if entry.fix:
        # L23 is always fixed.
        always = entry.fix.startswith("always")
        how = "" if always else f'`fix=["{entry.code}"]`: '
        yield f"{how}{entry.fix[0].upper()}{entry.fix[1:]}."


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 79, subsequent_indent=indent)


def _code(code: str) -> str:
    return code and f"```python\n{code}```"
