"""What many comparisons gave, array by array."""

import math
from dataclasses import dataclass, field
from typing import Any

from .comparison import ComparedArray, Comparison

__all__ = ["ByArray"]


@dataclass
class _Tally:
    compared: int = 0
    identical: int = 0
    within_tolerance: int = 0
    different: int = 0
    largest_absolute: float = 0.0

    def add(self, found: ComparedArray) -> None:
        self.compared += 1
        self.identical += found.outcome == "identical"
        self.within_tolerance += found.outcome == "within tolerance"
        self.different += found.outcome == "different"
        if found.largest_absolute is not None:
            self.largest_absolute = max(
                self.largest_absolute, found.largest_absolute.value
            )


@dataclass
class ByArray:
    """Adds up comparisons of calls of one function, array by array.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe.migrate.replay.compare import compare
    >>> arrays = ByArray()
    >>> arrays.add(compare(np.ones(2), np.ones(2)))
    >>> (one,) = arrays.to_json()
    >>> one["path"], one["compared"], one["identical"]
    ('output', 1, 1)
    """

    _tallies: dict[str, _Tally] = field(default_factory=dict)

    def add(self, comparison: Comparison) -> None:
        """Count the arrays of one comparison."""
        for found in comparison.arrays:
            self._tallies.setdefault(found.path, _Tally()).add(found)

    def to_json(self) -> list[dict[str, Any]]:
        """Return how often each array was compared, and what came of it.

        Returns
        -------
        list of dict
            One for each array, also of those that agree, as they were met:
            ``path``, the numbers ``compared``, ``identical``,
            ``within_tolerance`` and ``different``, and ``largest_absolute``,
            0 where nothing differs and ``'inf'`` where no number says it.
        """
        return [
            {
                "path": path,
                **vars(tally),
                # json has no infinity.
                "largest_absolute": tally.largest_absolute
                if math.isfinite(tally.largest_absolute)
                else "inf",
            }
            for path, tally in self._tallies.items()
        ]
