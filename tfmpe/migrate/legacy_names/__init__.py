"""Every name of the legacy package, and what becomes of it.

The one list that scanning, rewriting, running and the migration guide share.
"""

from .entry import BRIDGE, LEGACY, LegacyName
from .index import NAMES, lookup
from .surface import MODULES, SURFACE, is_mirrored

__all__ = [
    "BRIDGE",
    "LEGACY",
    "MODULES",
    "NAMES",
    "SURFACE",
    "LegacyName",
    "is_mirrored",
    "lookup",
]
