"""Records of `tfmpe verify` and `tfmpe bench`."""

from typing import Any, Literal

from msgspec import field

from .parity import ArrayParity, Difference, Tally
from .places import Content, Count, Strict


class InCase(Strict, frozen=True):
    """A difference from a stored call."""

    case: str
    difference: Difference


class Replayed(Strict, frozen=True):
    """Stored calls of one function of one example."""

    example: str
    function: str
    tally: Tally
    arrays: tuple[ArrayParity, ...] = ()
    differences: tuple[InCase, ...] = ()


class NotReplayed(Strict, frozen=True):
    """Stored calls that were not replayed, and the reason."""

    example: str
    function: str
    cases: Count
    reason: str


class Problem(Strict, frozen=True):
    """A recording that is not reliable, and the reason."""

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
    """Measurements of one side of a benchmark."""

    median_s: float
    # Size of the result; if compiled as a whole, with temporaries.
    bytes: float
    # Tracing and compilation; None if nothing is compiled.
    compile_s: float | None = None
    # First and third quartile over rounds.
    quartiles_s: tuple[float, float] | None = None
    # Sum over all processors.
    cpu_s: float | None = None
    rounds: Count = 1
    calls: Count = 1  # in each round


class BenchRow(Strict, frozen=True):
    """One size of a benchmark."""

    sites: Count
    # By name: 'old', 'new' (Tokens), 'bridge'.
    sides: dict[str, Side]
    # Sides that were not measured, and why.
    left_out: dict[str, str] = field(default_factory=dict)
    tokens: Count = 0  # of one simulation

    @property
    def newest(self) -> Side | None:
        """Side of the core, or of the bridge if the core has no such call."""
        return self.sides.get("new") or self.sides.get("bridge")

    @property
    def both(self) -> tuple[Side, Side] | None:
        """The old side and the newest one; None unless both were measured."""
        old, new = self.sides.get("old"), self.newest
        return (old, new) if old and new else None


class Growth(Strict, frozen=True):
    """Growth of a quantity: ``constant * sites ** exponent``."""

    exponent: float
    sites: tuple[Count, ...]  # used in the fit


class BenchCase(Strict, frozen=True):
    """One benchmark."""

    case: str
    about: str
    mode: str  # 'eager', or 'jitted' as a whole
    rows: tuple[BenchRow, ...]
    n_samples: Count = 1  # simulations, rows of a step, or draws
    # By side, then 'seconds' or 'bytes'.
    growth: dict[str, dict[str, Growth]] = field(default_factory=dict)


class Bench(Content, frozen=True):
    """A benchmark of old against new: the JSON of ``tfmpe bench``."""

    exit_code: int
    old: str  # the oracle, or the legacy package
    machine: dict[str, Any]  # processor, memory, versions
    cases: tuple[BenchCase, ...]
    # Stored calls that the old side replayed first.
    recordings: tuple[Replayed, ...] = ()
    # Results that differ, and were not timed.
    differences: tuple[str, ...] = ()
