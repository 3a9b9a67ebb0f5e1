"""What many calls gave together."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .check_inputs import NoiseFloor, Replayed
from .run_inputs import Call, Largest

__all__ = ["Tally", "as_number", "largest_of"]


@dataclass(frozen=True)
class Tally:
    """Numbers of calls, their largest errors, their time and memory.

    Attributes
    ----------
    calls, compared, identical, within_tolerance, different : int
        Numbers of calls.
    largest_absolute, largest_relative, largest_ulp : Largest or None
        The largest errors; None if none was measured.
    noise_floor : NoiseFloor or None
        How far the old side is from itself, where that was measured.
    seconds, bytes : tuple of float or None
        Of the old and the new side, of those calls where both are known.
    """

    calls: int = 0
    compared: int = 0
    identical: int = 0
    within_tolerance: int = 0
    different: int = 0
    largest_absolute: Largest | None = None
    largest_relative: Largest | None = None
    largest_ulp: Largest | None = None
    noise_floor: NoiseFloor | None = None
    seconds: tuple[float, float] | None = None
    bytes: tuple[float, float] | None = None

    @classmethod
    def of(cls, call: Call | Replayed) -> "Tally":
        """Return the tally of one entry of a run or a verification."""
        numbers = {name: getattr(call, name) for name in _OUTCOMES + _ERRORS}
        if isinstance(call, Replayed):
            return cls(
                calls=call.cases,
                compared=call.cases,
                noise_floor=call.noise_floor,
                **numbers,
            )
        return cls(
            calls=call.calls,
            compared=call.compared,
            seconds=_both(call.seconds_old, call.seconds_new),
            bytes=_both(call.bytes_old, call.bytes_new),
            **numbers,
        )

    def __add__(self, other: "Tally") -> "Tally":
        """Return the tally of both."""
        sums: dict[str, int] = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("calls", "compared", *_OUTCOMES)
        }
        errors: dict[str, Any] = {
            name: largest_of((getattr(self, name), getattr(other, name)))
            for name in _ERRORS
        }
        return Tally(
            **sums,
            **errors,
            noise_floor=_higher(self.noise_floor, other.noise_floor),
            seconds=_sum(self.seconds, other.seconds),
            bytes=_sum(self.bytes, other.bytes),
        )

    @property
    def verdict(self) -> str | None:
        """The worst that a comparison gave; None if that is not known.

        Numbers that do not add up are not taken for equality.
        """
        if self.different:
            return "differs"
        if not self.compared:
            return None
        if self.identical == self.compared:
            return "identical"
        if self.identical + self.within_tolerance == self.compared:
            return "within tolerance"
        return None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        written: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("calls", "compared", *_OUTCOMES)
        }
        for name in _ERRORS:
            found = getattr(self, name)
            written[name] = found and {"value": found.value, "path": found.path}
        floor = self.noise_floor
        written["noise_floor"] = floor and dict(vars(floor))
        for name in ("seconds", "bytes"):
            both = getattr(self, name) or (None, None)
            written[f"{name}_old"], written[f"{name}_new"] = both
        return written


_OUTCOMES = ("identical", "within_tolerance", "different")
_ERRORS = ("largest_absolute", "largest_relative", "largest_ulp")


def as_number(size: float | str) -> float:
    """Return how large an error is; not-a-number is beyond any."""
    return math.inf if isinstance(size, str) else size


def largest_of(found: Iterable[Largest | None]) -> Largest | None:
    """Return the largest of some errors, the first of equal ones."""
    return max(
        (each for each in found if each),
        key=lambda each: as_number(each.value),
        default=None,
    )


def _higher(
    one: NoiseFloor | None, other: NoiseFloor | None
) -> NoiseFloor | None:
    if one is None or other is None:
        return one or other
    return NoiseFloor(
        max(one.absolute, other.absolute, key=as_number),
        max(one.relative, other.relative, key=as_number),
        max(one.ulp, other.ulp, key=as_number),
    )


def _both(old: float | None, new: float | None) -> tuple[float, float] | None:
    if old is None or new is None or min(old, new) < 0:
        return None
    return old, new


def _sum(
    one: tuple[float, float] | None, other: tuple[float, float] | None
) -> tuple[float, float] | None:
    if one is None or other is None:
        return one or other
    return one[0] + other[0], one[1] + other[1]
