"""What `tfmpe verify` and `tfmpe bench` measured."""

from typing import Any, Literal

from msgspec import field

from .parity import ArrayParity, Difference, Size, Tally
from .places import Content, Count, Strict

__all__ = [
    "Bench",
    "BenchCase",
    "BenchRow",
    "InCase",
    "NoiseFloor",
    "NotReplayed",
    "Problem",
    "Replayed",
    "Side",
    "Verify",
]


class InCase(Strict, frozen=True):
    """A difference from a stored call."""

    case: str
    difference: Difference


class NoiseFloor(Strict, frozen=True):
    """How far the legacy side is from itself, with sums reordered."""

    absolute: Size
    relative: Size
    ulp: Size


class Replayed(Strict, frozen=True):
    """The stored calls of one function of one example."""

    example: str
    function: str
    tally: Tally
    arrays: tuple[ArrayParity, ...] = ()
    differences: tuple[InCase, ...] = ()
    noise_floor: NoiseFloor | None = None


class NotReplayed(Strict, frozen=True):
    """Stored calls that were read but not made again, and why."""

    example: str
    function: str
    cases: Count
    reason: str


class Problem(Strict, frozen=True):
    """A recording that cannot be relied on, and why."""

    file: str
    fault: str


class Verify(Content, frozen=True):
    """A replay of recordings: the JSON of ``tfmpe verify``."""

    exit_code: int
    folder: str
    manifest: Literal["checked", "absent"]
    rows: tuple[Replayed, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    stopped_early: bool = False
    notes: tuple[str, ...] = ()
    not_replayed: tuple[NotReplayed, ...] = ()
    problems: tuple[Problem, ...] = ()


class Side(Strict, frozen=True):
    """One side of a benchmark.

    Attributes
    ----------
    median_s : float
        Seconds of a call.
    bytes : float
        Of what it returns.
    compile_s : float or None
        Seconds of tracing and compiling; None where nothing is compiled.
    """

    median_s: float
    bytes: float
    compile_s: float | None = None


class BenchRow(Strict, frozen=True):
    """One size of a benchmark.

    Attributes
    ----------
    sites : int
    sides : dict
        By name: ``'old'``, ``'new'`` (Tokens), ``'bridge'``.
    left_out : dict
        Sides that were not measured, and why.
    """

    sites: Count
    sides: dict[str, Side]
    left_out: dict[str, str] = field(default_factory=dict)


class BenchCase(Strict, frozen=True):
    """One benchmark."""

    case: str
    about: str
    mode: str
    rows: tuple[BenchRow, ...]


class Bench(Content, frozen=True):
    """A benchmark of old against new: the JSON of ``tfmpe bench``.

    Attributes
    ----------
    exit_code : int
    old : str
        What the old side is: the oracle, or the legacy package.
    machine : dict
        Processor, memory, versions.
    cases : tuple of BenchCase
    """

    exit_code: int
    old: str
    machine: dict[str, Any]
    cases: tuple[BenchCase, ...]
