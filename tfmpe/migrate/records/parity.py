"""Agreement of new results with old ones."""

import math
from typing import Literal, get_args

from .places import Count, Strict

Size = float | Literal["inf"]
"""Size of an error; JSON has no infinity."""

Outcome = Literal["identical", "within tolerance", "different"]


class Largest(Strict, frozen=True):
    """A largest error, and its place."""

    value: Size
    path: str  # such as output['data'][0]
    case: str | None = None  # the stored call, in a verification

    @property
    def number(self) -> float:
        """The error as a float."""
        return float(self.value)


def larger(one: Largest | None, other: Largest | None) -> Largest | None:
    """Return the larger of two errors, or the first one if they are equal."""
    if one is None or other is None:
        return one or other
    return other if other.number > one.number else one


class Tally(Strict, frozen=True):
    """Numbers of comparisons by outcome, and their largest errors."""

    identical: Count = 0
    within_tolerance: Count = 0
    different: Count = 0
    # The largest errors; None if all results are identical.
    absolute: Largest | None = None
    relative: Largest | None = None
    ulp: Largest | None = None

    @classmethod
    def of(
        cls,
        outcome: Outcome,
        absolute: Largest | None = None,
        relative: Largest | None = None,
        ulp: Largest | None = None,
    ) -> "Tally":
        """Return the tally of one comparison."""
        same, near, far = (int(outcome == kind) for kind in get_args(Outcome))
        return cls(same, near, far, absolute, relative, ulp)

    @property
    def compared(self) -> int:
        """Number of comparisons."""
        return self.identical + self.within_tolerance + self.different

    @property
    def outcome(self) -> Outcome | None:
        """Worst outcome of all comparisons; None if there are none."""
        if self.different:
            return "different"
        if self.within_tolerance:
            return "within tolerance"
        return "identical" if self.identical else None

    @property
    def errors(self) -> dict[str, Largest]:
        """Largest errors that are not zero, by kind."""
        kinds = ("absolute", "relative", "ulp")
        found = {kind: getattr(self, kind) for kind in kinds}
        return {k: each for k, each in found.items() if each and each.number}

    def __add__(self, other: "Tally") -> "Tally":
        """Return the sum of two tallies."""
        return Tally(
            self.identical + other.identical,
            self.within_tolerance + other.within_tolerance,
            self.different + other.different,
            larger(self.absolute, other.absolute),
            larger(self.relative, other.relative),
            larger(self.ulp, other.ulp),
        )


class ArrayParity(Strict, frozen=True):
    """Agreement of one array of the results over all calls."""

    path: str
    tally: Tally


class Difference(Strict, frozen=True):
    """One difference between two results."""

    kind: str  # such as 'values', 'dtype', 'shape'
    path: str  # in the result, of the first value that differs
    # Descriptions of the legacy side and of the new one.
    stored: str = ""
    found: str = ""
    tolerated: bool = False  # values within the tolerance

    def __str__(self) -> str:
        """Return the difference on one line."""
        return f"{self.kind} at {self.path}: {self.found}, was {self.stored}"


def size_of(value: float) -> Size:
    """Return an error in a form that JSON can represent."""
    return value if math.isfinite(value) else "inf"
