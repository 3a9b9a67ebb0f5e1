"""An entry as Markdown, as plain text, and as JSON."""

import re
import textwrap
from dataclasses import asdict
from typing import Any

from .entry import Defect, Entry, Rule
from .setup import SETUP

__all__ = ["as_json", "as_markdown", "as_plain", "examples", "paragraphs"]

_SAFETY = {
    "safe": "the rewrite keeps every number",
    "unsafe": "the rewrite should be looked at",
    "manual": "to be done by hand",
}


def paragraphs(entry: Entry) -> list[str]:
    """Return what is said of an entry, without heading and examples.

    Parameters
    ----------
    entry

    Returns
    -------
    list of str
        Paragraphs of Markdown, in their order. The first of a defect that
        the bridge warns of begins with ⚠.
    """
    if isinstance(entry, Defect):
        return _of_defect(entry)
    said = [entry.text]
    if isinstance(entry, Rule):
        said += [f"**What to do.** {entry.todo}"]
        said += [f"**Rewriting.** {entry.rewrite}"]
    return [paragraph for paragraph in said if paragraph]


def _of_defect(entry: Defect) -> list[str]:
    mark = "⚠ " if entry.warning else ""
    said = [mark + entry.text]
    if entry.cost:
        said.append(f"**Cost.** {entry.cost}")
    does = []
    if entry.warning:
        does.append(f"Warns with `{entry.warning}`.")
    if entry.fix:
        # L23 cannot be asked for otherwise.
        always = entry.fix.startswith("always")
        how = "" if always else f'`fix=["{entry.code}"]`: '
        does.append(f"{how}{entry.fix[0].upper()}{entry.fix[1:]}.")
    if does:
        said.append(f"**Shim.** {' '.join(does)}")
    if entry.core:
        said.append(f"**Core.** {entry.core}")
    return said


def examples(entry: Entry) -> list[tuple[str, str]]:
    """Return titles and code: before, after, and what then holds.

    Examples
    --------
    >>> from tfmpe.migrate.catalogue import CATALOGUE
    >>> [title for title, _ in examples(CATALOGUE["T101"])]
    ['Before', 'After', 'Then']
    """
    parts = (
        ("Before", entry.before),
        ("After", entry.after),
        ("Then", entry.check),
    )
    return [(title, code) for title, code in parts if code]


def uses_setup(entry: Entry) -> bool:
    """Whether the examples use the data of the catalogue."""
    code = entry.before + entry.after
    return re.search(r"(?<![\w\"'.])(theta|y|rules)\b(?![=\"'])", code) is not (
        None
    )


def as_markdown(entry: Entry) -> str:
    """Return a page about an entry.

    Examples
    --------
    >>> from tfmpe.migrate.catalogue import CATALOGUE
    >>> print(as_markdown(CATALOGUE["L10"]))
    # L10 not-assigned
    <BLANKLINE>
    The number is not assigned.
    <BLANKLINE>
    MIGRATION.md#l10
    <BLANKLINE>
    """
    parts = [f"# {entry.code} {entry.name}"]
    if entry.safety:
        parts.append(
            f"{entry.summary[0].upper()}{entry.summary[1:]}; "
            f"**{entry.safety}**: {_SAFETY[entry.safety]}."
        )
    parts += paragraphs(entry)
    for title, code in examples(entry):
        parts += [f"## {title}", f"```python\n{code}```"]
    if uses_setup(entry):
        parts += ["## With these data", f"```python\n{SETUP}```"]
    parts.append(f"MIGRATION.md#{entry.code.lower()}")
    return "\n\n".join(parts) + "\n"


def as_plain(markdown: str, width: int = 78) -> str:
    r"""Return such a page without marks, for a file or a pipe.

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
            else:
                parts.append(textwrap.fill(text, width, break_on_hyphens=False))
    return "\n\n".join(parts) + "\n"


def as_json(entry: Entry) -> dict[str, Any]:
    """Return what is known of an entry, for other tools."""
    found = asdict(entry)
    if isinstance(entry, Defect):
        found |= {"warning": entry.warning, "fix": entry.fix}
    kind = "defect" if isinstance(entry, Defect) else "rule"
    link = f"MIGRATION.md#{entry.code.lower()}"
    return {"kind": kind, "link": link, **found}
