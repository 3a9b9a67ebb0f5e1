"""Generated parts of MIGRATION.md: tables and output of commands.

A block between ``<!-- table: NAME -->`` or ``<!-- output: COMMAND -->`` and
``<!-- end -->`` is generated. This script writes all of them again::

    python tests/migration/guide.py
"""

import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

# In a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).parents[1]))

from migration.workplace import Workplace
from tfmpe.migrate.catalogue import CATALOGUE, NAMES, Advice, Defect, Entry

__all__ = ["GUIDE", "outputs", "written"]

GUIDE = Path(__file__).parents[2] / "MIGRATION.md"
_BLOCK = re.compile(
    r"(?P<mark><!-- (?P<kind>table|output): (?P<what>.+?) -->\n)"
    r"(?P<content>.*?)(?=<!-- end -->)",
    re.S,
)


def outputs(text: str) -> list[tuple[str, str]]:
    """Return each command of the guide, with the output that it shows."""
    found = _BLOCK.finditer(text)
    return [(b["what"], b["content"]) for b in found if b["kind"] == "output"]


def written(text: str, place: Workplace | None = None) -> str:
    """Return the guide with new tables and, given a place, new outputs."""

    def fill(block: re.Match[str]) -> str:
        if block["kind"] == "table":
            rows = "\n".join(_TABLES[block["what"]]())
            return f"{block['mark']}\n{rows}\n\n"
        if place is None:
            return block[0]
        # The legacy package is not needed after this command.
        if "fix" in block["what"].split():
            del place.paths[1:]
        return block["mark"] + _shown(block["what"], place)

    return _BLOCK.sub(fill, text)


def _shown(command: str, place: Workplace) -> str:
    code, printed = place.run(command)
    lines = [*_indented(printed.splitlines())]
    if len(lines) > 40:
        lines[30:-10] = [f"… {len(lines) - 40} lines …"]
    lines += [f"(exit code {code})"] if code else []
    return "\n".join(["```console", f"$ {command}", *lines, "```", ""])


def _indented(lines: list[str]) -> Iterator[str]:
    """Indent code, whose fences would end the surrounding block."""
    inside = False
    for line in lines:
        if line.startswith("```"):
            inside = not inside
        else:
            yield f"    {line}".rstrip() if inside else line


def _names() -> Iterator[str]:
    yield from (
        "| legacy name, in `sfmpe` | on Tokens | code |",
        "|---|---|---|",
    )
    for name in NAMES.values():
        full = f"`{name.module}.{name.name}`"
        yield f"| {full} | {name.becomes} | {name.code} |"


def _entries(kind: type[Entry], last: str) -> Iterator[str]:
    yield from (f"| code | name | what | {last} |", "|---|---|---|---|")
    for entry in CATALOGUE.values():
        if isinstance(entry, kind):
            mark, more = "", ""
            if isinstance(entry, Defect):
                mark, more = " ⚠" if entry.warning else "", entry.fix or ""
            elif isinstance(entry, Advice):
                more = ", ".join(
                    f"`{n}`" for m in entry.names.values() for n in m
                )
            anchor = f'<a id="{entry.code.lower()}"></a>{entry.code}{mark}'
            yield f"| {anchor} | {entry.name} | {entry.summary} | {more} |"


_TABLES = {
    "names": _names,
    "advice": partial(_entries, Advice, "legacy names"),
    "defects": partial(_entries, Defect, "with `fix=`"),
}

if __name__ == "__main__":
    import tempfile

    with (
        tempfile.TemporaryDirectory() as folder,
        Workplace(Path(folder)) as place,
    ):
        GUIDE.write_text(written(GUIDE.read_text(), place))
