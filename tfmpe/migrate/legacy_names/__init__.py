"""Names of the legacy package, and their places in the bridge.

They are read from the source of the bridge, which has every legacy name in
the module of the same name. `tfmpe.migrate.catalogue` has the replacements.
"""

from .surface import BRIDGE as BRIDGE
from .surface import LEGACY as LEGACY
from .surface import MODULES as MODULES
from .surface import Kind as Kind
from .surface import as_bridge as as_bridge
from .surface import as_legacy as as_legacy
from .surface import defined as defined
from .surface import is_below as is_below
from .surface import is_mirrored as is_mirrored
