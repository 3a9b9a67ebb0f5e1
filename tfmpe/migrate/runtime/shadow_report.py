"""What running a script on both sides showed, and its json form."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tfmpe.migrate.replay.by_array import ByArray
from tfmpe.migrate.replay.comparison import (
    Comparison,
    Difference,
    Extreme,
    larger,
)

from .call_sites import Site
from .counting import SeenWarning
from .notebook import NotRun

__all__ = [
    "CallRow",
    "FoundDifference",
    "Mode",
    "NotCompared",
    "Note",
    "ShadowReport",
]

Mode = Literal["eager", "traced"]


@dataclass
class CallRow:
    """All calls from one line, eager or traced.

    Parameters
    ----------
    site
        The line.
    mode
        ``'traced'`` for calls under a transformation, compared afterwards by
        the values that went through the compiled program.
    calls
        Number of calls; of traces, where traced.
    compared, identical, within_tolerance, different
        Number of comparisons; of traced calls, those that were executed.
    largest_absolute, largest_relative, largest_ulp
        The largest differences.
    seconds_old, seconds_new
        Of all calls together, compilation included; None where traced.
    bytes_old, bytes_new
        Of all that was returned.
    arrays
        The same, array by array.
    """

    site: Site
    mode: Mode
    calls: int = 0
    compared: int = 0
    identical: int = 0
    within_tolerance: int = 0
    different: int = 0
    largest_absolute: Extreme | None = None
    largest_relative: Extreme | None = None
    largest_ulp: Extreme | None = None
    seconds_old: float | None = None
    seconds_new: float | None = None
    bytes_old: int = 0
    bytes_new: int = 0
    arrays: ByArray = field(default_factory=ByArray)

    def add(self, comparison: Comparison) -> None:
        """Count one comparison."""
        self.compared += 1
        self.arrays.add(comparison)
        if comparison.identical:
            self.identical += 1
        elif comparison.within_tolerance:
            self.within_tolerance += 1
        else:
            self.different += 1
        for name in _EXTREMES:
            both = larger(getattr(self, name), getattr(comparison, name))
            setattr(self, name, both)


_EXTREMES = ("largest_absolute", "largest_relative", "largest_ulp")


@dataclass(frozen=True)
class FoundDifference:
    """One difference, and the call it is of.

    Parameters
    ----------
    site
        The line.
    call
        Which call from there, from 1.
    difference
        What differs.
    masks
        Where a mask of attention differs, both sides as rows of 0 and 1.
    """

    site: Site
    call: int
    difference: Difference
    masks: dict[str, list[list[float]]] | None = None


@dataclass(frozen=True)
class NotCompared:
    """A line whose calls were not compared.

    Parameters
    ----------
    site
        The line.
    why
        The reason.
    """

    site: Site
    why: str


@dataclass(frozen=True)
class Note:
    """What a reader should know of the calls of a line.

    Parameters
    ----------
    site
        The line.
    text
        The note.
    """

    site: Site
    text: str


@dataclass(frozen=True)
class ShadowReport:
    """What running a script on both sides showed.

    Parameters
    ----------
    script
        The script, or the module.
    script_exit_code
        Its own.
    fingerprint
        Of the legacy package and all that its numbers depend on.
    calls
        One row per line and mode.
    differences
        Those of each line, the first ones.
    warnings
        What the bridge would warn of.
    not_compared
        Lines whose calls were not compared, and why.
    saved
        Number of calls that were saved as cases; None if none were asked for.
    not_run
        Lines of a notebook that were left out.
    notes
        Why calls that differ were not saved, or cannot be replayed.
    """

    script: str
    script_exit_code: int
    fingerprint: Mapping[str, Any]
    calls: tuple[CallRow, ...] = ()
    differences: tuple[FoundDifference, ...] = ()
    warnings: tuple[SeenWarning, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    saved: int | None = field(default=None)
    not_run: tuple[NotRun, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def exit_code(self) -> int:
        """The script's if it failed; else 0, 1 differences, 3 nothing."""
        if self.script_exit_code:
            return self.script_exit_code
        if not any(row.compared for row in self.calls):
            return 3
        return int(any(row.different for row in self.calls))

    def to_json(self) -> str:
        """Return the report as json.

        Returns
        -------
        str
            Indented, with a line end; no not-a-number in it.
        """
        content = {
            "format": 1,
            "tool": "shadow",
            "script": self.script,
            "exit_code": self.exit_code,
            "fingerprint": dict(self.fingerprint),
            "calls": [_row(row) for row in self.calls],
            "differences": [
                {
                    **found.site._asdict(),
                    "call": found.call,
                    **vars(found.difference),
                    "masks": found.masks,
                }
                for found in self.differences
            ],
            "warnings": [asdict(warning) for warning in self.warnings],
            "not_compared": [
                {**entry.site._asdict(), "why": entry.why}
                for entry in self.not_compared
            ],
            "not_run": [line._asdict() for line in self.not_run],
            "notes": [
                {**note.site._asdict(), "text": note.text}
                for note in self.notes
            ],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _row(row: CallRow) -> dict[str, Any]:
    content: dict[str, Any] = {**row.site._asdict()}
    for name, value in vars(row).items():
        if name in _EXTREMES:
            content[name] = _extreme(value)
        elif isinstance(value, ByArray):
            content[name] = value.to_json()
        elif name != "site":
            content[name] = value
    return content


def _extreme(extreme: Extreme | None) -> dict[str, Any] | None:
    if extreme is None:
        return None
    # json has no infinity.
    value = extreme.value if math.isfinite(extreme.value) else "inf"
    return {"value": value, "path": extreme.path}
