"""What `tfmpe run` saw of the calls of a script."""

from typing import Any, Literal

from msgspec import field

from .parity import ArrayParity, Difference, Tally
from .places import Content, Count, Place, Strict

__all__ = [
    "Calls",
    "ComparedCalls",
    "FoundDifference",
    "Left",
    "LineNotRun",
    "Masks",
    "Recorded",
    "RecordedCalls",
    "Run",
    "Shadow",
    "Warned",
]


class Calls(Strict, frozen=True):
    """All calls of one function from one place.

    Attributes
    ----------
    advice : str or None
        The code that says what the function becomes on Tokens.
    """

    function: str
    place: Place
    calls: Count
    advice: str | None = None


class Warned(Strict, frozen=True):
    """A defect of the legacy package that a script has met."""

    code: str
    place: Place
    count: Count = 1
    text: str = ""


class LineNotRun(Strict, frozen=True):
    """A line of a notebook that was left out."""

    cell: Count
    line: Count
    text: str


class Run(Content, frozen=True):
    """A run on the bridge: the JSON of ``tfmpe run``.

    Attributes
    ----------
    exit_code : int
    script : str
    calls : tuple of Calls
    fingerprint : dict
        Versions and flags that numbers depend on.
    warnings : tuple of Warned
    not_run : tuple of LineNotRun
    """

    exit_code: int
    script: str
    calls: tuple[Calls, ...] = ()
    fingerprint: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()
    not_run: tuple[LineNotRun, ...] = ()


class ComparedCalls(Strict, frozen=True):
    """All calls of one function from one place, compared.

    Attributes
    ----------
    function : str
    place : Place
    mode : 'eager' or 'traced'
        Traced: compared by the values that a compiled program let out.
    calls : int
        Calls; of traced ones, traces.
    tally : Tally
        Of comparisons; of traced calls, those that were executed.
    arrays : tuple of ArrayParity
    seconds_old, seconds_new : float or None
        Of all calls together; None where traced.
    bytes_old, bytes_new : int
        Of all that was returned.
    """

    function: str
    place: Place
    mode: Literal["eager", "traced"]
    calls: Count
    tally: Tally = Tally()
    arrays: tuple[ArrayParity, ...] = ()
    seconds_old: float | None = None
    seconds_new: float | None = None
    bytes_old: Count = 0
    bytes_new: Count = 0


class Masks(Strict, frozen=True):
    """Two masks that differ, as rows; what is not 0 may attend."""

    old: tuple[tuple[float, ...], ...]
    new: tuple[tuple[float, ...], ...]


class FoundDifference(Strict, frozen=True):
    """A difference, and the call it is of.

    Attributes
    ----------
    function : str
    place : Place
    call : int
        Which call from there, from 1.
    difference : Difference
    layer : str or None
        Of a network, the first layer whose output differs.
    masks : Masks or None
        Both sides, where a mask of attention differs.
    """

    function: str
    place: Place
    call: Count
    difference: Difference
    layer: str | None = None
    masks: Masks | None = None


class Left(Strict, frozen=True):
    """Calls that were not compared, and why."""

    function: str
    place: Place
    why: str


class Shadow(Content, frozen=True):
    """A run on both sides: the JSON of ``tfmpe run --shadow``.

    Attributes
    ----------
    exit_code : int
        The script's where it failed; else 1 where something differs, 3 where
        nothing was compared.
    """

    exit_code: int
    script: str
    script_exit_code: int = 0
    calls: tuple[ComparedCalls, ...] = ()
    fingerprint: dict[str, Any] = field(default_factory=dict)
    differences: tuple[FoundDifference, ...] = ()
    warnings: tuple[Warned, ...] = ()
    not_run: tuple[LineNotRun, ...] = ()
    not_compared: tuple[Left, ...] = ()
    saved: Count | None = None


class RecordedCalls(Strict, frozen=True):
    """The recorded calls of one function.

    Attributes
    ----------
    cases, repeated, left_out : int
        Calls that are kept, that have inputs which are kept already, and
        that were left out by a limit.
    opaque : tuple of str
        Values that could not be recorded, in words.
    """

    function: str
    cases: Count
    repeated: Count = 0
    left_out: Count = 0
    opaque: tuple[str, ...] = ()


class Recorded(Content, frozen=True, tag="record"):
    """A recorded run: the JSON of ``tfmpe record``.

    Attributes
    ----------
    not_recorded : dict
        Functions that were called and cannot be recorded, and why.
    """

    exit_code: int
    script: str
    script_exit_code: int = 0
    functions: tuple[RecordedCalls, ...] = ()
    not_recorded: dict[str, str] = field(default_factory=dict)
    fingerprint: dict[str, Any] = field(default_factory=dict)
    not_run: tuple[LineNotRun, ...] = ()
