"""Records of `tfmpe run` and `tfmpe record`."""

from typing import Any, Literal

from msgspec import field

from .parity import ArrayParity, Difference, Tally
from .places import Content, Count, Place, Strict


class Calls(Strict, frozen=True):
    """All calls of one function from one place."""

    function: str
    place: Place
    calls: Count
    # Code of the advice on the function.
    advice: str | None = None


class Warned(Strict, frozen=True):
    """A legacy defect that a script encountered."""

    code: str
    place: Place
    count: Count = 1
    text: str = ""


class LineNotRun(Strict, frozen=True):
    """A line of a notebook that was skipped."""

    cell: Count
    line: Count
    text: str


class Run(Content, frozen=True):
    """A run on the bridge: the JSON of ``tfmpe run``."""

    exit_code: int
    script: str
    calls: tuple[Calls, ...] = ()
    # Versions and flags that numbers depend on.
    fingerprint: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()
    not_run: tuple[LineNotRun, ...] = ()


class ComparedCalls(Strict, frozen=True):
    """All calls of one function from one place, compared."""

    function: str
    place: Place
    # Traced: compared by values captured from a compiled program.
    mode: Literal["eager", "traced"]
    calls: Count  # for traced calls, the number of traces
    tally: Tally = Tally()  # for traced calls, executions
    arrays: tuple[ArrayParity, ...] = ()
    # Of all calls together; None if traced.
    seconds_old: float | None = None
    seconds_new: float | None = None
    # Of all results.
    bytes_old: Count = 0
    bytes_new: Count = 0


class Masks(Strict, frozen=True):
    """Two masks that differ, by rows; nonzero entries may attend."""

    old: tuple[tuple[float, ...], ...]
    new: tuple[tuple[float, ...], ...]


class FoundDifference(Strict, frozen=True):
    """A difference, and its call."""

    function: str
    place: Place
    call: Count  # number from this place, from 1; if traced, of the execution
    difference: Difference
    layer: str | None = None  # first layer of a network that differs
    masks: Masks | None = None  # of both sides, if they differ


class Left(Strict, frozen=True):
    """Calls that were not compared, and the reason."""

    function: str
    place: Place
    why: str


class Shadow(Content, frozen=True):
    """A run on both packages: the JSON of ``tfmpe run --shadow``."""

    # The script's exit code if it failed; else 1 if something differs, 3 if
    # nothing was compared.
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
    """The recorded calls of one function."""

    function: str
    cases: Count  # stored
    repeated: Count = 0  # with inputs that are already stored
    left_out: Count = 0  # because of a limit
    opaque: tuple[str, ...] = ()  # descriptions of values not recorded


class Recorded(Content, frozen=True, tag="record"):
    """A recorded run: the JSON of ``tfmpe record``."""

    exit_code: int
    script: str
    script_exit_code: int = 0
    functions: tuple[RecordedCalls, ...] = ()
    # Functions whose calls cannot be recorded, and the reasons.
    not_recorded: dict[str, str] = field(default_factory=dict)
    fingerprint: dict[str, Any] = field(default_factory=dict)
    not_run: tuple[LineNotRun, ...] = ()
