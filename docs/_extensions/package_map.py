"""The directive ``package-map``: packages, their sizes, and who imports whom.

Read from the code when the page is built. A row is a package, and its boxes
are the folders in it, as wide as they are long; an arc leads from a package
to one that it imports.
"""

import ast
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

import tfmpe

ROOT = Path(tfmpe.__file__).parent
# From the command line down to what all need, as the import contract has it.
ROWS = (
    "cli",
    "examples",
    "migrate",
    "compat",
    "estimators",
    "nn",
    "models",
    "preprocessing",
    "_base",
)
WIDTH, LEFT, HEIGHT, BOX = 790, 280, 54, 30


def sizes(package: str) -> dict[str, int]:
    """Return lines of Python by sub-folder; those of single files last."""
    found: dict[str, int] = {}
    folder = ROOT / package
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).parts
        name = parts[0].strip("_") if len(parts) > 1 else ""
        with file.open(encoding="utf-8") as lines:
            found[name] = found.get(name, 0) + sum(1 for _ in lines)
    return dict(
        sorted(found.items(), key=lambda item: -item[1] * bool(item[0]))
    )


def imports(package: str) -> set[str]:
    """Return the other packages that a package imports."""
    found = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module == "tfmpe":
                # Names that tfmpe exports are those of preprocessing.
                names = [
                    f"tfmpe.{alias.name}"
                    if alias.name in ROWS
                    else "tfmpe.preprocessing"
                    for alias in node.names
                ]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                first, *rest = name.split(".")
                if first == "tfmpe" and rest and rest[0] in ROWS:
                    found.add(rest[0])
    return found - {package}


def picture() -> str:
    """Return the map as SVG, in the colors of the page."""
    lines = {row: sizes(row) for row in ROWS}
    scale = (WIDTH - LEFT) / max(sum(row.values()) for row in lines.values())
    middle = {row: i * HEIGHT + BOX for i, row in enumerate(ROWS)}
    parts = [_row(row, middle[row], lines[row], scale) for row in ROWS]
    for row in ROWS:
        for other in sorted(imports(row)):
            parts.append(_arc(middle[row] + 4, middle[other] - 4))
    height = len(ROWS) * HEIGHT + 10
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" '
        'aria-label="Packages of tfmpe, by lines of code" '
        'fill="none" stroke="currentColor" font-size="12">'
        '<defs><marker id="tip" markerWidth="7" markerHeight="6" refX="6" '
        'refY="3" orient="auto"><path d="M0 0L7 3L0 6Z" fill="currentColor" '
        'stroke="none"/></marker></defs>'
        f"{''.join(parts)}</svg>"
    )


def _row(name: str, y: int, lines: dict[str, int], scale: float) -> str:
    total = f"{sum(lines.values()):,}"
    parts = [_text(LEFT - 8, y, f"{name}, {total} lines", "end", "600")]
    x = float(LEFT)
    for folder, n in lines.items():
        width = n * scale
        parts.append(
            f'<rect x="{x:.1f}" y="{y - BOX / 2}" width="{width:.1f}" '
            f'height="{BOX}" fill="currentColor" fill-opacity="0.08">'
            f"<title>{escape(folder or 'files')}: {n:,} lines</title></rect>"
        )
        if width > 8 * len(folder):
            parts.append(_text(x + width / 2, y, folder, "middle", "400"))
        x += width
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, weight: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y + 4}" text-anchor="{anchor}" '
        f'font-weight="{weight}" fill="currentColor" stroke="none">'
        f"{escape(text)}</text>"
    )


def _arc(start: float, end: float) -> str:
    # The farther apart, the wider; beside the names.
    x = LEFT - 195
    reach = x - 18 - (end - start) / 5
    return (
        f'<path d="M{x} {start}C{reach:.1f} {start} {reach:.1f} {end} {x} '
        f'{end}" stroke-opacity="0.55" marker-end="url(#tip)"/>'
    )


class PackageMap(Directive):
    """The map of the packages."""

    def run(self) -> list[nodes.Node]:
        """Return the nodes; a package without a row is an error."""
        packages = {file.parent.name for file in ROOT.glob("*/__init__.py")}
        if packages != set(ROWS):
            raise self.error(f"rows are {ROWS}, but packages {packages}")
        return [nodes.raw("", picture(), format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.add_directive("package-map", PackageMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
