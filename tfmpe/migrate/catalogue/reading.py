"""Reader of the files in ``entries/``: front matter and sections."""

import re
import tomllib
from pathlib import Path

import msgspec

from .entry import Advice, Defect, Entry

_FORM = re.compile(r"\+\+\+\n(.*?)^\+\+\+\n(.*)", re.S | re.M)
_HEADING = re.compile(r"^## (.+)\n", re.M)
_CODE = re.compile(r"```python\n(.*)```", re.S)
_KINDS = {"T": Advice, "L": Defect}


class CatalogueError(ValueError):
    """A file with a missing, unknown or duplicate part."""


def read_entries(folder: Path) -> dict[str, Entry]:
    """Return the entries of a folder by code: advice, then defects."""
    files = sorted(folder.iterdir(), key=lambda f: (len(f.stem), f.stem))
    # T, for advice, before L.
    files.sort(key=lambda f: f.name[0], reverse=True)
    entries: dict[str, Entry] = {}
    said_in: dict[str, Path] = {}
    for file in files:
        entry = _read(file)
        modules = entry.names if isinstance(entry, Advice) else {}
        names = [f"{m}.{name}" for m in modules for name in modules[m]]
        for said in (entry.code, entry.name, *names):
            other = said_in.setdefault(said, file)
            if other != file:
                raise CatalogueError(
                    f"{file}: {said!r} is already in {other.name}; only one "
                    "entry can have it"
                )
        entries[entry.code] = entry
    return entries


def _read(file: Path) -> Entry:
    found = _FORM.fullmatch(file.read_text(encoding="utf-8"))
    if not found or not re.fullmatch(r"[TL]\d+\.md", file.name):
        raise CatalogueError(
            f"{file}: expected a name such as T101.md, and front matter in "
            "TOML between two lines +++"
        )
    text, *parts = _HEADING.split(found[2])
    try:
        given = {"code": file.stem, **tomllib.loads(found[1])}
        sections = zip(["text", *parts[::2]], [text, *parts[1::2]], strict=True)
        for title, content in sections:
            field = title.lower().replace(" ", "_")
            if field in given:
                raise CatalogueError(f"{file}: {title!r} appears twice")
            code = _CODE.fullmatch(content.strip())
            given[field] = code[1] if code else content.strip()
        return msgspec.convert(given, _KINDS[file.name[0]])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"{file}: {error}") from None
