"""How well new results agree with old ones."""

import math
from typing import Literal

from .places import Count, Strict

__all__ = ["ArrayParity", "Difference", "Largest", "Outcome", "Size", "Tally"]

Size = float | Literal["inf"]
"""How large an error is; JSON has no infinity."""

Outcome = Literal["identical", "within tolerance", "different"]


class Largest(Strict, frozen=True):
    """A largest error, and where it is.

    Attributes
    ----------
    value : float or 'inf'
    path : str
        The place in the result, such as ``output['data'][0]``.
    case : str or None
        The stored call, in a verification.
    """

    value: Size
    path: str
    case: str | None = None

    @property
    def number(self) -> float:
        """The error as a number."""
        return float(self.value)


def larger(one: Largest | None, other: Largest | None) -> Largest | None:
    """Return the larger of two errors; the first one, if they are equal."""
    if one is None or other is None:
        return one or other
    return other if other.number > one.number else one


class Tally(Strict, frozen=True):
    """How many comparisons came to what.

    Attributes
    ----------
    identical, within_tolerance, different : int
    absolute, relative, ulp : Largest or None
        The largest errors; None where all is identical.

    Examples
    --------
    >>> both = Tally.of("identical") + Tally.of("different")
    >>> both.compared, both.identical, both.different
    (2, 1, 1)
    """

    identical: Count = 0
    within_tolerance: Count = 0
    different: Count = 0
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
        return cls(
            identical=int(outcome == "identical"),
            within_tolerance=int(outcome == "within tolerance"),
            different=int(outcome == "different"),
            absolute=absolute,
            relative=relative,
            ulp=ulp,
        )

    @property
    def compared(self) -> int:
        """Number of comparisons."""
        return self.identical + self.within_tolerance + self.different

    def __add__(self, other: "Tally") -> "Tally":
        """Return the tally of both."""
        return Tally(
            self.identical + other.identical,
            self.within_tolerance + other.within_tolerance,
            self.different + other.different,
            larger(self.absolute, other.absolute),
            larger(self.relative, other.relative),
            larger(self.ulp, other.ulp),
        )


class ArrayParity(Strict, frozen=True):
    """How well one array of the results agrees.

    Attributes
    ----------
    path : str
        Which array.
    tally : Tally
        Over all calls.
    """

    path: str
    tally: Tally


class Difference(Strict, frozen=True):
    """One thing that two results do not agree in.

    Attributes
    ----------
    kind : str
        Such as ``'values'``, ``'dtype'``, ``'shape'``.
    path : str
        Where in the result; of many values, the first that differs.
    stored, found : str
        The legacy side and the new one, in words.
    tolerated : bool
        Whether it is a difference of values within the tolerance.
    """

    kind: str
    path: str
    stored: str = ""
    found: str = ""
    tolerated: bool = False

    def __str__(self) -> str:
        """Return the difference on one line."""
        return f"{self.kind} at {self.path}: {self.found}, was {self.stored}"


def size_of(value: float) -> Size:
    """Return an error as JSON can hold it."""
    return value if math.isfinite(value) else "inf"
