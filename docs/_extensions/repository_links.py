"""Let links work on the site as they do in the repository.

Pages link to files by their place in the repository, and some pages of the
site are made of files that lie outside this folder. Before such text is
parsed, its links are made to lead to the page of the site. A link to a
folder, for which the site has no page, becomes plain text.
"""

import os
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
PAGES = {
    ROOT / "CONTRIBUTING.md": DOCS / "contributing.md",
    ROOT / "MIGRATION.md": DOCS / "migration.md",
    ROOT / "README.md": DOCS / "overview.md",
    ROOT / "legacy_fixtures": DOCS / "recordings.md",
    ROOT / "legacy_fixtures" / "README.md": DOCS / "recordings.md",
    DOCS / "benchmarks": DOCS / "benchmarks" / "README.md",
}
LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^()\s#:]+)(#[^()\s]*)?\)")


def relinked(text: str, source: Path, page: Path) -> str:
    """Return Markdown with its links as the site needs them.

    Parameters
    ----------
    text : str
        Markdown of the file ``source``.
    source, page : path
        Links are relative to the folder of the first, and will be relative
        to that of the second. What does not exist is left as it is, for
        Sphinx to complain.
    """

    def replace(match: re.Match[str]) -> str:
        image, label, target, anchor = match.groups(default="")
        path = Path(os.path.normpath(source.parent / target))
        if not path.exists():
            return match[0]
        path = PAGES.get(path, path)
        if path.is_dir():
            return label
        relative = Path(os.path.relpath(path, page.parent)).as_posix()
        return f"{image}[{label}]({relative}{anchor})"

    return LINK.sub(replace, text)


def _read_page(app: Any, docname: str, content: list[str]) -> None:
    page = Path(app.env.doc2path(docname))
    content[0] = relinked(content[0], page, page)


def _read_included(
    app: Any, relative: Path, docname: str, content: list[str]
) -> None:
    page = Path(app.env.doc2path(docname))
    content[0] = relinked(content[0], DOCS / relative, page)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.connect("source-read", _read_page)
    app.connect("include-read", _read_included)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
