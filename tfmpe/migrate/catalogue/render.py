"""An entry as Markdown, and as plain text for a file or a pipe."""

import re
import textwrap
from pathlib import Path

from .entry import Advice, Defect, Entry

__all__ = ["EXAMPLE_DATA", "as_markdown", "as_plain", "uses_data"]

EXAMPLE_DATA = Path(__file__).with_name("example_data.txt").read_text()
"""The data that the examples of all entries use, as code."""


def uses_data(entry: Entry) -> bool:
    """Return whether the examples use more of the data than its imports."""
    code = entry.before + entry.after
    found = re.search(r"(?<![\w\"'.])(theta|y|rules)\b(?![=\"'])", code)
    return found is not None


def as_markdown(entry: Entry) -> str:
    """Return a page about an entry."""
    summary = f"{entry.summary[0].upper()}{entry.summary[1:]}."
    parts = [f"# {entry.code} {entry.name}", summary, entry.text]
    if isinstance(entry, Advice):
        for names in entry.names.values():
            lines = [f"- `{name}`: {new}" for name, new in names.items()]
            parts.append("\n".join(lines))
        parts.append(f"**What to do.** {entry.what_to_do}")
    elif isinstance(entry, Defect):
        parts += [f"**Cost.** {entry.cost}", *_bridge(entry)]
        parts.append(f"**Core.** {entry.core}")
    for title, code in (
        ("Before", entry.before),
        ("After", entry.after),
        ("Then", entry.then),
        ("With these data", uses_data(entry) and EXAMPLE_DATA),
    ):
        if code:
            parts += [f"## {title}", f"```python\n{code}```"]
    return "\n\n".join(parts) + "\n"


def _bridge(entry: Defect) -> list[str]:
    """Return what the bridge does about a defect, beside reproducing it."""
    said = [f"Warns with `{entry.warning}`."] if entry.warning else []
    if entry.fix:
        # L23 cannot be asked for otherwise.
        always = entry.fix.startswith("always")
        how = "" if always else f'`fix=["{entry.code}"]`: '
        said.append(f"{how}{entry.fix[0].upper()}{entry.fix[1:]}.")
    return [f"**Bridge.** {' '.join(said)}"] if said else []


def as_plain(markdown: str, width: int = 78) -> str:
    r"""Return such a page without marks, and no text wider than `width`.

    Examples
    --------
    >>> print(as_plain("# Title\n\nSome **text**.\n\n```python\nx\n```\n"))
    Title
    =====
    <BLANKLINE>
    Some text.
    <BLANKLINE>
        x
    <BLANKLINE>
    """
    blocks = re.split(r"(?m)^```\w*\n(.*?)^```\n", markdown, flags=re.S)
    parts = []
    # Every second block is code.
    for number, block in enumerate(blocks):
        if number % 2:
            parts.append(textwrap.indent(block.rstrip(), "    "))
            continue
        for paragraph in filter(None, block.strip().split("\n\n")):
            text = paragraph.replace("**", "")
            marks, _, title = text.partition(" ")
            if set(marks) == {"#"}:
                line = "=" if marks == "#" else "-"
                parts.append(f"{title}\n{line * len(title)}")
                continue
            # The lines of a list stay.
            for line in text.split("\n") if marks == "-" else [text]:
                parts.append(textwrap.fill(line, width, break_on_hyphens=False))
    return "\n\n".join(parts) + "\n"
