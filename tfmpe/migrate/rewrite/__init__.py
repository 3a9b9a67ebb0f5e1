"""Legacy import statements: rewriting, and a list of what is left."""

from .files import Rewritten, rewrite_files
from .scan import scan

__all__ = ["Rewritten", "rewrite_files", "scan"]
