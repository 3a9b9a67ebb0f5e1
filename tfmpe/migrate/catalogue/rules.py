"""The rules of the scanner: what it finds in a legacy script.

T0: imports. T1: data. T2: flows and estimators. T3: patterns that bottom-up
scripts repeat. T9: what could not be decided.
"""

from .data import DATA
from .data_parts import DATA_PARTS
from .entry import Rule
from .flows import FLOWS
from .imports import IMPORTS
from .networks import NETWORKS
from .patterns import PATTERNS

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *IMPORTS,
    *DATA,
    *DATA_PARTS,
    *FLOWS,
    *NETWORKS,
    *PATTERNS,
)
