"""One call site with all that is known of it."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tfmpe.migrate.catalogue import NAMES, advice_of
from tfmpe.migrate.legacy_names import BRIDGE, as_legacy

from .code_inputs import Site
from .tally import Tally

__all__ = ["STATUSES", "JoinedSite", "Status", "short_name"]

Status = Literal[
    "differs",
    "undecided",
    "unseen",
    "seen",
    "within tolerance",
    "identical",
    "rewritten",
    "no result",
]

STATUSES: tuple[Status, ...] = get_args(Status)
"""All of them, what needs a look first."""

_CALLED = {entry.code for entry in NAMES.values() if entry.kind != "constant"}


@dataclass
class JoinedSite:
    """A place in the code with all that is known of it.

    Attributes
    ----------
    site : Site
        As the scanner found it, or made from what a run or a rewrite said.
    found_by : str
        ``'scan'``, ``'run'`` or ``'fix'``.
    tally : Tally
        Of its calls at run time.
    rewritten : bool
        Whether ``tfmpe fix`` has rewritten it.
    undecided : str or None
        Why the scanner could not tell what it is.
    shared : bool
        Whether another site on the line may have made these calls.
    modes : list of str
        How it was called: ``'eager'``, ``'traced'``.
    not_compared, left : list of str
        Why calls were not compared, and why it was not rewritten.
    defects : list of str
        Codes of the defects met here.
    recorded : str or None
        What replaying recordings of its function gave.
    caller : str or None
        The legacy function that made this call, from the same line; the
        scanner knows of that one only.
    """

    site: Site
    found_by: str = "scan"
    tally: Tally = field(default_factory=Tally)
    rewritten: bool = False
    undecided: str | None = None
    shared: bool = False
    modes: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    recorded: str | None = None
    caller: str | None = None

    @property
    def is_called(self) -> bool:
        """Whether a run can meet it: imports and constants it cannot."""
        if self.found_by == "run" or self.undecided is not None:
            return True
        return self.site.code in _CALLED

    @property
    def has_result(self) -> bool:
        """Whether there is something to compare: constructors only make."""
        known = advice_of(self.site.name) if self.site.name else None
        return self.is_called and (known is None or known.kind != "class")

    @property
    def is_call_site(self) -> bool:
        """Whether it is certain to be a call that returns something."""
        return self.has_result and (self.ran or self.undecided is None)

    @property
    def status(self) -> Status:
        """What to say of it in a word.

        A difference is never hidden. After it, that a place was rewritten
        says more than how it once ran.
        """
        verdict = self.tally.verdict
        if verdict == "differs":
            return "differs"
        if self.rewritten:
            return "rewritten"
        if not self.has_result:
            return "no result"
        if not self.ran:
            return "unseen" if self.undecided is None else "undecided"
        if verdict == "identical" or verdict == "within tolerance":
            return verdict
        return "seen"

    @property
    def ran(self) -> bool:
        """Whether a run has met it."""
        return self.tally != Tally() or bool(self.not_compared)

    @property
    def function(self) -> str | None:
        """The short name of what is called."""
        return self.site.name and short_name(self.site.name)

    @property
    def on_bridge(self) -> bool:
        """Whether it calls the bridge, so that there is no old side."""
        return (self.site.name or "").startswith(f"{BRIDGE}.")

    @property
    def place(self) -> str:
        """File and line, as compilers write it."""
        cell = "" if self.site.cell is None else f":cell {self.site.cell}"
        return f"{self.site.file}{cell}:{self.site.line}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return {
            **vars(self.site),
            "found_by": self.found_by,
            "status": self.status,
            "rewritten": self.rewritten,
            "undecided": self.undecided,
            **self.tally.to_json(),
            "shared": self.shared,
            "modes": self.modes,
            "not_compared": self.not_compared,
            "left": self.left,
            "defects": self.defects,
            "recorded": self.recorded,
            "caller": self.caller,
        }


def short_name(function: str) -> str:
    """Return how people name a legacy function.

    Parameters
    ----------
    function
        A full or short name, of a class perhaps with its constructor.

    Returns
    -------
    str
        Of a method with its class.

    Examples
    --------
    >>> short_name("sfmpe.util.dataloader.flatten_structured")
    'flatten_structured'
    >>> short_name("sfmpe.sfmpe.SFMPE.fit"), short_name("SFMPE.__init__")
    ('SFMPE.fit', 'SFMPE')
    """
    function = as_legacy(function.removesuffix(".__init__"))
    entry = advice_of(function)
    if entry is not None:
        return entry.name
    for name in _SHORT:
        if function == name or function.endswith(f".{name}"):
            return name
    return function


# Methods before functions of the same ending.
_SHORT = sorted({entry.name for entry in NAMES.values()}, key=len, reverse=True)
