"""Import statements of the legacy package: rewritten, or listed as left."""

from .files import Rewritten, rewrite_files
from .scan import scan

__all__ = ["Rewritten", "rewrite_files", "scan"]
