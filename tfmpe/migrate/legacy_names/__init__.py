"""Every name of the legacy package, and what becomes of it.

The one list that scanning, rewriting, running and the migration guide share.
"""

from .entry import BRIDGE, LEGACY, LegacyName
from .index import NAMES, lookup
from .surface import MODULES, is_mirrored

__all__ = [
    "BRIDGE",
    "LEGACY",
    "MODULES",
    "NAMES",
    "LegacyName",
    "is_mirrored",
    "lookup",
]
