"""The defects of the legacy package.

What the bridge does about each, whether it warns and whether ``fix=`` turns
it off, is read from the bridge.
"""

from .defects_arrays import ARRAYS
from .defects_checks import CHECKS
from .defects_flows import FLOW_DEFECTS
from .defects_networks import NETWORK_DEFECTS
from .defects_rows import ROWS
from .defects_rules import RULE_DEFECTS
from .defects_training import TRAINING
from .defects_utilities import UTILITIES
from .defects_values import VALUES
from .entry import Defect

__all__ = ["DEFECTS"]

_ALL = (
    *ROWS,
    *RULE_DEFECTS,
    *VALUES,
    *FLOW_DEFECTS,
    *TRAINING,
    *ARRAYS,
    *UTILITIES,
    *CHECKS,
    *NETWORK_DEFECTS,
)

DEFECTS: tuple[Defect, ...] = tuple(sorted(_ALL, key=lambda d: int(d.code[1:])))
"""By their number."""
