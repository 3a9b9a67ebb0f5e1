"""Every code that the tools print: one text each, for all places.

``tfmpe explain``, the scanner, the report and MIGRATION.md say the same,
since they read it here.
"""

from .entry import Entry, Safety
from .rules import RULES

__all__ = ["CATALOGUE", "Entry", "Safety"]

CATALOGUE: dict[str, Entry] = {entry.code: entry for entry in RULES}
"""All entries by their code."""
