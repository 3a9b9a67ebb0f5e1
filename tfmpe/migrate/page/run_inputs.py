"""What `tfmpe run` writes, as far as the page shows it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from .typed import Count

__all__ = [
    "ArrayParity",
    "Call",
    "Difference",
    "Largest",
    "Masks",
    "NotCompared",
    "NotRun",
    "Run",
    "Shadow",
    "Size",
    "Warned",
]

Size = float | Literal["inf", "nan"]
"""How large an error is; json has no infinity."""


@dataclass(frozen=True)
class Largest:
    """A largest error, and where it is."""

    value: Size
    path: str
    case: str | None = None


@dataclass(frozen=True)
class ArrayParity:
    """How well one array of the results agrees."""

    path: str
    compared: Count
    identical: Count
    within_tolerance: Count
    different: Count
    largest_absolute: Size = 0.0


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
    arrays: tuple[ArrayParity, ...] = ()


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
    cell: Count | None = None


@dataclass(frozen=True)
class NotCompared:
    """Calls that could not be compared."""

    function: str
    file: str
    line: Count
    why: str
    cell: Count | None = None


@dataclass(frozen=True)
class NotRun:
    """A line of a notebook that was left out."""

    cell: Count
    line: Count
    text: str


@dataclass(frozen=True)
class Shadow:
    """A json of `tfmpe run --shadow`."""

    exit_code: int
    script: str
    calls: tuple[Call, ...]
    fingerprint: dict[str, Any] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    warnings: tuple[Warned, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()


@dataclass(frozen=True)
class Run:
    """A json of `tfmpe run`."""

    exit_code: int
    script: str
    calls: tuple[Call, ...]
    fingerprint: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()
    not_run: tuple[NotRun, ...] = ()
