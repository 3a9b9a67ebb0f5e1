"""Mirror of the legacy module ``sfmpe.util.types``."""

from typing import Any, TypeAlias

PyTree: TypeAlias = Any
"""A tree of arrays."""
