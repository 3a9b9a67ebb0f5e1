"""Every code that the tools print: one file each in ``entries/``."""

from .entry import Advice, Defect, Entry
from .index import CATALOGUE, NAMES, LegacyName, advice_of, find, nearest
from .render import EXAMPLE_DATA

__all__ = [
    "CATALOGUE",
    "EXAMPLE_DATA",
    "NAMES",
    "Advice",
    "Defect",
    "Entry",
    "LegacyName",
    "advice_of",
    "find",
    "nearest",
]
