"""Content of the report: in Python, as JSON and on the page."""

from typing import Literal, get_args

from msgspec import Struct, field

from tfmpe.migrate.exit_codes import CLEAN
from tfmpe.migrate.records import code, places, runs
from tfmpe.migrate.records.parity import ArrayParity, Difference, Outcome, Tally

Status = Literal[
    "different",
    "left",
    "unseen",
    "seen",
    "within tolerance",
    "identical",
    "changed",
    "no result",
]
STATUSES: tuple[Status, ...] = get_args(Status)
"""All statuses, most urgent first."""

AT_RUN_TIME, RECORDED = "at run time", "recordings"
"""Kinds of evidence of parity."""


class Missing(places.Strict, frozen=True):
    """A file that a command could not process, or None, and the reason."""

    source: str
    tool: str
    file: str | None
    why: str


class Input(places.Strict, frozen=True):
    """Description of a record: results, what it does not cover, versions."""

    file: str
    tool: str
    about: str
    notes: tuple[str, ...]
    facts: dict[str, str]


class Site(Struct):
    """A place in the code, with everything known about it.

    Only a ``'call'`` has a result that can be compared. If shared, another
    place on the same line may have made these calls.
    """

    use: code.Use
    kind: Literal["call", "construction", "constant", "import"]
    function: str
    status: Status
    by_run: bool = False
    calls: int = 0
    tally: Tally = Tally()
    traced: bool = False
    shared: bool = False
    not_compared: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    recorded: Outcome | None = None

    @property
    def ran(self) -> bool:
        """Whether a run has reached the site."""
        return bool(self.calls or self.tally.compared or self.not_compared)


class FunctionParity(places.Strict, frozen=True):
    """Agreement of a function with its legacy version, worst array first."""

    function: str
    evidence: str
    calls: int
    tally: Tally
    arrays: tuple[ArrayParity, ...]


class DifferenceAt(places.Strict, frozen=True):
    """A difference, its call, and the first layer that differs."""

    function: str
    evidence: str
    call: str
    difference: Difference
    layer: str | None = None
    masks: runs.Masks | None = None


class Gain(places.Strict, frozen=True):
    """Time and memory, old and new; None where not measured."""

    name: str
    about: str
    seconds: tuple[float, float] | None
    bytes: tuple[float, float] | None


class Defect(places.Strict, frozen=True):
    """A legacy defect that the code encountered."""

    code: str
    summary: str
    count: int
    places: tuple[str, ...]


class Step(places.Strict, frozen=True):
    """One step: commands to type, and the places that it concerns."""

    kind: Literal["required", "check", "optional"]
    title: str
    why: str
    commands: tuple[str, ...]
    places: tuple[str, ...] = ()


class Report(places.Content, frozen=True):
    """Whole report; its fields are also those of the JSON file."""

    made: str
    version: str
    counts: dict[Status, int]
    codes: dict[str, str]
    missing: tuple[Missing, ...]
    sites: tuple[Site, ...]
    mentions: tuple[code.Mention, ...]
    parity: tuple[FunctionParity, ...]
    differences: tuple[DifferenceAt, ...]
    gains: tuple[Gain, ...]
    defects: tuple[Defect, ...]
    inputs: tuple[Input, ...]
    steps: tuple[Step, ...] = ()
    exit_code: int = CLEAN
    verdict: str = ""
    sums: str = ""

    def compared(self, evidence: str = "") -> Tally:
        """Return the tally of all functions, or of one kind of evidence."""
        found = (p.tally for p in self.parity if evidence in ("", p.evidence))
        return sum(found, Tally())
