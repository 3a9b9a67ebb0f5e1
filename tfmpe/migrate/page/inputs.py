"""What the other commands write as json, as far as the page shows it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from .typed import Count

__all__ = [
    "Bench",
    "BenchCase",
    "BenchRow",
    "Call",
    "Content",
    "Difference",
    "Edit",
    "Edited",
    "Files",
    "Fix",
    "Largest",
    "Left",
    "Masks",
    "NotCompared",
    "NotRead",
    "NotReplayed",
    "Problem",
    "Recorded",
    "Replayed",
    "Run",
    "Scan",
    "Shadow",
    "Side",
    "Site",
    "Undecided",
    "Verify",
    "Warned",
]

Size = float | Literal["inf", "nan"]
"""How large an error is; json has no infinity."""


@dataclass(frozen=True)
class NotRead:
    """A file that a command could not read."""

    file: str
    why: str


@dataclass(frozen=True)
class Site:
    """A place that the scanner found."""

    file: str
    line: Count
    code: str
    column: Count = 1
    end_line: Count | None = None
    end_column: Count | None = None
    cell: Count | None = None
    name: str | None = None
    text: str = ""
    becomes: str | None = None
    safety: str | None = None


@dataclass(frozen=True)
class Undecided:
    """A place of which the scanner could not tell."""

    file: str
    line: Count
    code: str
    column: Count = 1
    cell: Count | None = None
    text: str = ""
    why: str = ""


@dataclass(frozen=True)
class Files:
    """What the scanner has read."""

    read: Count = 0
    not_read: tuple[NotRead, ...] = ()


@dataclass(frozen=True)
class Scan:
    """A json of `tfmpe scan`."""

    exit_code: int
    files: Files
    sites: tuple[Site, ...]
    undecided: tuple[Undecided, ...] = ()


@dataclass(frozen=True)
class Edit:
    """A place that was rewritten."""

    line: Count
    code: str
    cell: Count | None = None
    safety: str | None = None
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Edited:
    """A file that was rewritten."""

    file: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Left:
    """A place that could not be rewritten."""

    file: str
    line: Count
    code: str
    cell: Count | None = None
    why: str = ""


@dataclass(frozen=True)
class Fix:
    """A json of `tfmpe fix`; without a run nothing was written."""

    exit_code: int
    changed: tuple[Edited, ...]
    run: str | None = None
    left: tuple[Left, ...] = ()
    not_read: tuple[NotRead, ...] = ()


@dataclass(frozen=True)
class Largest:
    """A largest error, and where it is."""

    value: Size
    path: str
    case: str | None = None


@dataclass(frozen=True)
class Call:
    """All calls from one place."""

    function: str
    file: str
    line: Count
    calls: Count
    cell: Count | None = None
    compared: Count = 0
    identical: Count = 0
    within_tolerance: Count = 0
    different: Count = 0
    mode: str | None = None
    largest_absolute: Largest | None = None
    largest_relative: Largest | None = None
    largest_ulp: Largest | None = None
    seconds_old: float | None = None
    seconds_new: float | None = None
    bytes_old: float | None = None
    bytes_new: float | None = None


@dataclass(frozen=True)
class Masks:
    """Two masks that differ; what is not 0 may attend."""

    old: tuple[tuple[bool | float, ...], ...]
    new: tuple[tuple[bool | float, ...], ...]


@dataclass(frozen=True)
class Difference:
    """Something that the old and the new call do not agree in."""

    function: str
    file: str
    line: Count
    kind: str
    path: str
    cell: Count | None = None
    call: Count | None = None
    stored: str = ""
    found: str = ""
    tolerated: bool = False
    masks: Masks | None = None


@dataclass(frozen=True)
class Warned:
    """A defect of the legacy package that a script has run into."""

    code: str
    file: str
    line: Count
    count: Count = 1
    text: str = ""


@dataclass(frozen=True)
class NotCompared:
    """Calls that could not be compared."""

    function: str
    file: str
    line: Count
    why: str
    cell: Count | None = None


@dataclass(frozen=True)
class Shadow:
    """A json of `tfmpe run --shadow`."""

    exit_code: int
    script: str
    calls: tuple[Call, ...]
    fingerprint: dict[str, Any] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    warnings: tuple[Warned, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()


@dataclass(frozen=True)
class Run:
    """A json of `tfmpe run`."""

    exit_code: int
    script: str
    calls: tuple[Call, ...]
    fingerprint: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()


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
    differences: tuple[Recorded, ...] = ()


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


Content = Scan | Fix | Shadow | Run | Verify | Bench
"""All that is read."""
