"""Every code that the tools print: one text each, for all places.

``tfmpe explain``, the scanner, the report and MIGRATION.md say the same,
since they read it here.
"""

from .defects import DEFECTS
from .entry import Defect, Entry, Rule, Safety
from .index import CATALOGUE, LISTED, find, nearest
from .rules import RULES
from .setup import SETUP

__all__ = [
    "CATALOGUE",
    "DEFECTS",
    "LISTED",
    "RULES",
    "SETUP",
    "Defect",
    "Entry",
    "Rule",
    "Safety",
    "find",
    "nearest",
]
