"""What `tfmpe verify` and `tfmpe bench` measured."""

from typing import Any, Literal

from msgspec import field

from .parity import ArrayParity, Difference, Tally
from .places import Content, Count, Strict

__all__ = [
    "Bench",
    "BenchCase",
    "BenchRow",
    "Growth",
    "InCase",
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


class Replayed(Strict, frozen=True):
    """The stored calls of one function of one example."""

    example: str
    function: str
    tally: Tally
    arrays: tuple[ArrayParity, ...] = ()
    differences: tuple[InCase, ...] = ()


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
        Of what it returns; compiled as a whole, of results and temporaries.
    compile_s : float or None
        Seconds of tracing and compiling; None where nothing is compiled.
    quartiles_s : tuple of float or None
        The first and the third, over rounds.
    cpu_s : float or None
        Seconds of all processors together, in a call.
    rounds, calls : int
        Rounds, and calls in each.
    """

    median_s: float
    bytes: float
    compile_s: float | None = None
    quartiles_s: tuple[float, float] | None = None
    cpu_s: float | None = None
    rounds: Count = 1
    calls: Count = 1


class BenchRow(Strict, frozen=True):
    """One size of a benchmark.

    Attributes
    ----------
    sites : int
    sides : dict
        By name: ``'old'``, ``'new'`` (Tokens), ``'bridge'``.
    left_out : dict
        Sides that were not measured, and why.
    tokens : int
        Of one simulation.
    """

    sites: Count
    sides: dict[str, Side]
    left_out: dict[str, str] = field(default_factory=dict)
    tokens: Count = 0

    @property
    def newest(self) -> Side | None:
        """The core's numbers; the bridge's where the core has no such call."""
        return self.sides.get("new") or self.sides.get("bridge")

    @property
    def both(self) -> tuple[Side, Side] | None:
        """The old side and the newest; None unless both were measured."""
        old, new = self.sides.get("old"), self.newest
        return (old, new) if old and new else None


class Growth(Strict, frozen=True):
    """How a quantity grows: ``constant * sites ** exponent``.

    Attributes
    ----------
    exponent : float
    sites : tuple of int
        The numbers of sites that it was fitted to.
    """

    exponent: float
    sites: tuple[Count, ...]


class BenchCase(Strict, frozen=True):
    """One benchmark.

    Attributes
    ----------
    case, about : str
    mode : str
        ``'eager'``, or ``'jitted'`` as a whole.
    rows : tuple of BenchRow
    n_samples : int
        Simulations, rows of a step, or draws.
    growth : dict
        By side, then ``'seconds'`` or ``'bytes'``.
    """

    case: str
    about: str
    mode: str
    rows: tuple[BenchRow, ...]
    n_samples: Count = 1
    growth: dict[str, dict[str, Growth]] = field(default_factory=dict)


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
    recordings : tuple of Replayed
        Stored calls that the old side made again first.
    differences : tuple of str
        What was not equal, and so not timed.
    """

    exit_code: int
    old: str
    machine: dict[str, Any]
    cases: tuple[BenchCase, ...]
    recordings: tuple[Replayed, ...] = ()
    differences: tuple[str, ...] = ()
