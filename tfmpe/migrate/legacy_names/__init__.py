"""Names of the legacy package: which there are, and where the bridge has them.

Read from the source of the bridge, which has every legacy name in the module
of the same name. What a name becomes on Tokens: `tfmpe.migrate.catalogue`.
"""

from .packages import BRIDGE, LEGACY, as_bridge, as_legacy, is_below
from .surface import MODULES, Defined, Kind, defined, is_mirrored

__all__ = [
    "BRIDGE",
    "LEGACY",
    "MODULES",
    "Defined",
    "Kind",
    "as_bridge",
    "as_legacy",
    "defined",
    "is_below",
    "is_mirrored",
]
