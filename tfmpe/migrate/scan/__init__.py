"""Finding every use of a legacy name in scripts and notebooks."""

from .results import Report, Site, Undecided
from .scan import scan

__all__ = ["Report", "Site", "Undecided", "scan"]
