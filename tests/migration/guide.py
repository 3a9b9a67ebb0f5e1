"""The parts of MIGRATION.md that are generated from the package's own lists.

Between ``<!-- generated: NAME -->`` and ``<!-- end -->``. Run as a script, it
writes them anew.
"""

import ast
import re
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tfmpe.migrate.catalogue import DEFECTS, RULES, SETUP, Entry
from tfmpe.migrate.catalogue.render import examples, paragraphs
from tfmpe.migrate.legacy_names import (
    BRIDGE,
    LEGACY,
    NAMES,
    SURFACE,
    LegacyName,
)

__all__ = ["GUIDE", "generate"]

GUIDE = Path(__file__).parents[2] / "MIGRATION.md"
BLOCK = re.compile(
    r"(?P<first><!-- generated: (?P<name>\w+) -->\n).*?(?P<last><!-- end -->)",
    re.S,
)


def generate(text: str) -> str:
    """Return the guide with its generated parts written anew."""
    parts = {"names": _names, "defects": _defects, "rules": _rules}

    def fill(block: re.Match[str]) -> str:
        made = "\n\n".join(parts[block["name"]]())
        return f"{block['first']}\n{made}\n\n{block['last']}"

    return BLOCK.sub(fill, text)


def _names() -> Iterable[str]:
    for module, names in groupby(NAMES.values(), lambda name: name.module):
        yield f"Module `{LEGACY}.{module}`, now `{BRIDGE}.{module}`:"
        rows = [_row(name) for name in names]
        yield "\n".join(
            ["| legacy name | on Tokens | |", "|---|---|---|", *rows]
        )
    yield f"All other names, the same in `{LEGACY}` and in `{BRIDGE}`:"
    rows = [f"| `{module}` | {_others(module)} |" for module in SURFACE]
    yield "\n".join(["| module | names |", "|---|---|", *rows])


def _others(module: str) -> str:
    names = SURFACE[module].split()
    others = [n for n in names if f"{LEGACY}.{module}.{n}" not in NAMES]
    return ", ".join(f"`{name}`" for name in others) or "none"


def _row(name: LegacyName) -> str:
    becomes = f"`{name.becomes}`" if _is_code(name.becomes) else name.becomes
    code = f"[{name.code}](#{name.code.lower()})"
    return f"| `{name.name}` | {becomes} | {code} |"


def _is_code(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def _defects() -> Iterable[str]:
    for defect in DEFECTS:
        yield f"### {defect.code}"
        yield from map(_linked, paragraphs(defect))


def _rules() -> Iterable[str]:
    yield "The examples use these data:"
    yield _code(SETUP)
    for rule in RULES:
        yield f"### {rule.code}"
        yield f"*{rule.name}*, **{rule.safety}**: {rule.summary}."
        yield from map(_linked, paragraphs(rule))
        yield _folded(rule)


def _folded(entry: Entry) -> str:
    shown = [f"{title}:\n\n{_code(code)}" for title, code in examples(entry)]
    inside = "\n\n".join(shown)
    summary = "<summary>Example</summary>"
    return f"<details>{summary}\n\n{inside}\n\n</details>"


def _code(code: str) -> str:
    # Not `python`: the tests of documents run the guide in one namespace, as
    # a reader would; these run in the tests of the catalogue.
    return f"```py\n{code}```"


def _linked(text: str) -> str:
    """Make links of the codes that a text names, and wrap it."""
    linked = re.sub(
        r"(?<![\w`\"'\[=])([TL]\d+)\b(?![`\"'])",
        lambda code: f"[{code[1]}](#{code[1].lower()})",
        text,
    )
    return textwrap.fill(linked, 78, break_on_hyphens=False)


if __name__ == "__main__":
    GUIDE.write_text(generate(GUIDE.read_text()))
