"""Index of the catalog: by code, by name, and by legacy name."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tfmpe.migrate.legacy_names import LEGACY, Kind, defined

from .entry import Advice, Entry
from .reading import read_entries

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    read_entries(Path(__file__).with_name("entries"))
)
"""All entries by their code: advice, then defects."""


class LegacyName(NamedTuple):
    """A legacy name and its replacement on Tokens, as code or text.

    The module is relative to the legacy package, and the name of a method
    includes its class: ``'sfmpe'`` and ``'SFMPE.fit'``.
    """

    module: str
    name: str
    kind: Kind
    code: str
    becomes: str

    @property
    def qualified(self) -> str:
        """The full legacy name."""
        return f"{LEGACY}.{self.module}.{self.name}"


def _names() -> Iterator[LegacyName]:
    for entry in CATALOGUE.values():
        modules = entry.names if isinstance(entry, Advice) else {}
        for module in modules:
            for name, becomes in modules[module].items():
                found = defined(f"{LEGACY}.{module}.{name}")
                if found is None:
                    raise ValueError(f"{entry.code}.md: no {module}.{name}")
                yield LegacyName(module, name, found.kind, entry.code, becomes)


NAMES = MappingProxyType({name.qualified: name for name in _names()})
"""All names in entries of the catalogue, by the full legacy name."""

_BY_DEFINITION = {defined(name): found for name, found in NAMES.items()}


def advice_of(name: str) -> LegacyName | None:
    """Return the advice on a full name of the legacy package or the bridge."""
    return _BY_DEFINITION.get(defined(name)) if defined(name) else None


def find(wanted: str) -> Entry | None:
    """Return the entry with a code or a name; case is ignored."""
    named = {entry.name: entry for entry in CATALOGUE.values()}
    return CATALOGUE.get(wanted.upper()) or named.get(wanted.lower())


def nearest(wanted: str) -> list[str]:
    """Return the three codes and names that are most similar to a text."""
    entries = CATALOGUE.values()
    known = {x.lower(): x for e in entries for x in (e.code, e.name)}
    typed = wanted.lower()
    close = difflib.get_close_matches(typed, known, len(known))
    # Codes are short and similar: prefer matches with the same beginning.
    close.sort(key=lambda x: not (x.startswith(typed) or typed.startswith(x)))
    return [known[x] for x in close[:3]]
