"""What `tfmpe verify` and `tfmpe bench` write, as far as the page shows it."""

from dataclasses import dataclass, field
from typing import Any

from .run_inputs import ArrayParity, Largest, Size
from .typed import Count

__all__ = [
    "Bench",
    "BenchCase",
    "BenchRow",
    "NoiseFloor",
    "NotReplayed",
    "Problem",
    "Recorded",
    "Replayed",
    "Side",
    "Verify",
]


@dataclass(frozen=True)
class Recorded:
    """A difference from a recording."""

    case: str
    kind: str
    path: str
    stored: str = ""
    found: str = ""
    tolerated: bool = False


@dataclass(frozen=True)
class NoiseFloor:
    """How far the legacy side is from itself, with sums reordered."""

    absolute: Size
    relative: Size
    ulp: Size


@dataclass(frozen=True)
class Replayed:
    """The recordings of one function."""

    example: str
    function: str
    cases: Count
    identical: Count
    within_tolerance: Count
    different: Count
    largest_absolute: Largest | None = None
    largest_relative: Largest | None = None
    largest_ulp: Largest | None = None
    noise_floor: NoiseFloor | None = None
    differences: tuple[Recorded, ...] = ()
    arrays: tuple[ArrayParity, ...] = ()


@dataclass(frozen=True)
class NotReplayed:
    """Recordings that were read but not called again."""

    function: str
    cases: Count
    reason: str
    example: str = ""


@dataclass(frozen=True)
class Problem:
    """A recording that cannot be relied on."""

    file: str
    fault: str


@dataclass(frozen=True)
class Verify:
    """A json of `tfmpe verify`."""

    exit_code: int
    folder: str
    rows: tuple[Replayed, ...]
    versions: dict[str, str] = field(default_factory=dict)
    stopped_early: bool = False
    notes: tuple[str, ...] = ()
    not_replayed: tuple[NotReplayed, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Side:
    """One side of a benchmark."""

    median_s: float
    bytes: float


@dataclass(frozen=True)
class BenchRow:
    """One size of a benchmark."""

    sites: Count
    sides: dict[str, Side]
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchCase:
    """One benchmark."""

    case: str
    about: str
    mode: str
    rows: tuple[BenchRow, ...]


@dataclass(frozen=True)
class Bench:
    """A json of `tfmpe bench`."""

    exit_code: int
    old: str
    machine: dict[str, Any]
    cases: tuple[BenchCase, ...]
