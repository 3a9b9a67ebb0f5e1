"""What comparing two trees gave: differences, and the largest ones."""

import math
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ComparedArray",
    "Comparison",
    "Difference",
    "Extreme",
    "Kind",
    "Tolerance",
    "larger",
]

Kind = Literal[
    "structure",
    "key order",
    "library",
    "dtype",
    "shape",
    "values",
    "exception",
    "absent",
]


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from the stored one and still do.

    Parameters
    ----------
    absolute, relative
        A value does if it is within `absolute + relative * abs(stored)`.
    reason
        Why that much is right here.
    median
        What half of the numbers of an array must be within, absolute.
    """

    absolute: float
    relative: float
    reason: str
    median: float = math.inf


@dataclass(frozen=True)
class Extreme:
    """A largest difference, and where it is.

    Parameters
    ----------
    value
        How large; infinite where no finite number says it.
    path
        The place in the tree.
    """

    value: float
    path: str


@dataclass(frozen=True)
class Difference:
    """One thing that is not as stored.

    Parameters
    ----------
    kind
        What sort of thing.
    path
        Where in the tree; of many values, the first that differs.
    stored, found
        Both, in words.
    tolerated
        Whether it is a difference of values within the tolerance.
    """

    kind: Kind
    path: str
    stored: str
    found: str
    tolerated: bool = False

    def __str__(self) -> str:
        """Return the difference on one line."""
        return f"{self.kind} at {self.path}: {self.found}, was {self.stored}"


@dataclass(frozen=True)
class ComparedArray:
    """One array of a tree, and what comparing it gave.

    Parameters
    ----------
    path
        The place in the tree.
    outcome
        What is to be said of it.
    largest_absolute
        The largest difference; None if there is none.
    """

    path: str
    outcome: Literal["identical", "within tolerance", "different"]
    largest_absolute: Extreme | None = None


@dataclass(frozen=True)
class Comparison:
    """What comparing two trees gave.

    Parameters
    ----------
    differences
        Every difference, in the order of the tree.
    largest_absolute, largest_relative
        The largest differences between numbers and where they are; None if
        there is none. Relative to the stored number.
    largest_ulp
        The same, counted in numbers of the data type that lie between; None
        also where no floats of one data type differ.
    arrays
        All arrays that were compared, also those that agree.
    """

    differences: tuple[Difference, ...] = ()
    largest_absolute: Extreme | None = None
    largest_relative: Extreme | None = None
    largest_ulp: Extreme | None = None
    arrays: tuple[ComparedArray, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether there is no difference at all."""
        return not self.differences

    @property
    def within_tolerance(self) -> bool:
        """Whether there are differences, all of them tolerated values."""
        return bool(self.differences) and all(
            difference.tolerated for difference in self.differences
        )

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of difference there are."""
        return frozenset(difference.kind for difference in self.differences)

    def __add__(self, other: "Comparison") -> "Comparison":
        """Return both comparisons as one, this one first."""
        return Comparison(
            self.differences + other.differences,
            larger(self.largest_absolute, other.largest_absolute),
            larger(self.largest_relative, other.largest_relative),
            larger(self.largest_ulp, other.largest_ulp),
            self.arrays + other.arrays,
        )


def larger(first: Extreme | None, second: Extreme | None) -> Extreme | None:
    """Return the larger of two extremes, the first if they are equal."""
    if first is None or second is None:
        return first or second
    return second if second.value > first.value else first
