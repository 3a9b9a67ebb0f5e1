"""Every public name of the legacy package, and what becomes of it.

The one list that scanning, rewriting, running and the migration guide share.
"""

from .entry import BRIDGE, LEGACY, LegacyName
from .index import MODULES, NAMES, lookup

__all__ = ["BRIDGE", "LEGACY", "MODULES", "NAMES", "LegacyName", "lookup"]
