"""Where a module uses legacy names, and which rule each use falls under."""

from .find_uses import find_uses
from .imports import Finding

__all__ = ["Finding", "find_uses"]
