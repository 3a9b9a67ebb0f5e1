"""Finding every use of a legacy name in scripts and notebooks."""

from .results import Place, Report, Site, Undecided
from .scan import scan

__all__ = ["Place", "Report", "Site", "Undecided", "scan"]
