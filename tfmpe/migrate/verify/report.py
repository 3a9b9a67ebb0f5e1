"""What a verification found, and its json form.

The json (`Report.to_json`) is one object; names are only ever added to it:

    format            1
    tool              "verify"
    exit_code         0 all equal, 1 differences, 3 nothing compared or a
                      file missing, altered or refused
    folder            the folder of recordings, as it was given
    manifest          "checked" or "absent"
    notes             texts: versions that differ from the recorded ones
    stopped_early     whether --fail-fast cut the run short
    versions          {"python": ..., "jax": ..., "numpy": ...}
    summary           {"cases", "identical", "within_tolerance",
                      "different", "not_replayed"}: numbers of cases
    rows              one object per example and function, with those
                      numbers (without not_replayed) and
      example, function
      largest_absolute, largest_relative, largest_ulp
                      null, or {"value", "case", "path"}; value is a number,
                      or "inf"
      noise_floor     null, or {"absolute", "relative", "ulp"}: how far the
                      legacy side is from itself with reordered sums; only
                      with --calibrate
      dtype_differences, key_order_differences
                      numbers of cases with such a difference
      differences     [{"case", "kind", "path", "stored", "found",
                      "tolerated"}, ...]
      arrays          one object per array of the results, also of those that
                      agree: {"path", "compared", "identical",
                      "within_tolerance", "different", "largest_absolute"}
    not_replayed      [{"example", "function", "cases", "reason"}, ...]
    problems          [{"file", "fault"}, ...]
"""

import json
import math
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import numpy as np

from tfmpe.migrate.recordings.manifest import Problem
from tfmpe.migrate.replay.by_array import ByArray
from tfmpe.migrate.replay.comparison import Comparison, Extreme, Kind

__all__ = ["CaseResult", "NotReplayed", "Report", "Row"]


@dataclass(frozen=True)
class CaseResult:
    """What replaying one case gave.

    Parameters
    ----------
    case
        Its name.
    comparison
        The differences.
    """

    case: str
    comparison: Comparison


@dataclass(frozen=True)
class Row:
    """All replayed cases of one function of one example.

    Parameters
    ----------
    example, function
        Which.
    results
        One per case, in the order of the file.
    noise_floor
        How far the legacy side is from itself; None if not measured.
    """

    example: str
    function: str
    results: tuple[CaseResult, ...]
    noise_floor: Comparison | None = None

    @property
    def cases(self) -> int:
        """Number of cases that were compared."""
        return len(self.results)

    @property
    def identical(self) -> int:
        """Number of cases without any difference."""
        return sum(r.comparison.identical for r in self.results)

    @property
    def within_tolerance(self) -> int:
        """Number of cases that differ in tolerated values only."""
        return sum(r.comparison.within_tolerance for r in self.results)

    @property
    def different(self) -> int:
        """Number of cases that fail."""
        return self.cases - self.identical - self.within_tolerance

    @property
    def dtype_differences(self) -> int:
        """Number of cases with another data type somewhere."""
        return self.count("dtype")

    @property
    def key_order_differences(self) -> int:
        """Number of cases with another order of keys somewhere."""
        return self.count("key order")

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        """The cases that fail."""
        return tuple(
            r
            for r in self.results
            if not r.comparison.identical and not r.comparison.within_tolerance
        )

    @property
    def largest_absolute(self) -> tuple[str, Extreme] | None:
        """Largest absolute difference of values, with the case it is in."""
        return _largest(
            (r.case, r.comparison.largest_absolute) for r in self.results
        )

    @property
    def largest_relative(self) -> tuple[str, Extreme] | None:
        """Largest relative difference of values, with the case it is in."""
        return _largest(
            (r.case, r.comparison.largest_relative) for r in self.results
        )

    @property
    def largest_ulp(self) -> tuple[str, Extreme] | None:
        """Largest difference in units in the last place, with its case."""
        return _largest(
            (r.case, r.comparison.largest_ulp) for r in self.results
        )

    def count(self, kind: Kind) -> int:
        """Return the number of cases with one kind of difference.

        Parameters
        ----------
        kind
            Which kind.

        Returns
        -------
        int
            Number of cases, not of places.
        """
        return sum(kind in r.comparison.kinds for r in self.results)


def _largest(
    extremes: Iterable[tuple[str, Extreme | None]],
) -> tuple[str, Extreme] | None:
    found = [(case, extreme) for case, extreme in extremes if extreme]
    return max(found, key=lambda pair: pair[1].value, default=None)


@dataclass(frozen=True)
class NotReplayed:
    """Stored cases that were read but not called again.

    Parameters
    ----------
    example, function
        Which.
    cases
        How many.
    reason
        Why not.
    """

    example: str
    function: str
    cases: int
    reason: str


@dataclass(frozen=True)
class Report:
    """The outcome of a verification.

    Parameters
    ----------
    folder
        The folder of recordings, as it was given.
    rows
        One per example and function that was replayed.
    not_replayed
        What was stored but not replayed.
    problems
        Files that are missing, altered, not listed or refused; their cases
        are in no row.
    manifest
        Whether there was a manifest to check the files with.
    stopped_early
        Whether the run ended at its first failure.
    notes
        What a reader should know of the recordings.
    """

    folder: str
    rows: tuple[Row, ...] = ()
    not_replayed: tuple[NotReplayed, ...] = ()
    problems: tuple[Problem, ...] = ()
    manifest: Literal["checked", "absent"] = "checked"
    stopped_early: bool = False
    versions: dict[str, str] = field(
        default_factory=lambda: {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "numpy": np.__version__,
        }
    )
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 all equal, 1 differences, 3 nothing compared or bad files."""
        if self.problems or not any(row.cases for row in self.rows):
            return 3
        return int(any(row.different for row in self.rows))

    @property
    def summary(self) -> dict[str, int]:
        """Numbers of cases over all rows."""
        numbers = {
            name: sum(getattr(row, name) for row in self.rows)
            for name in _NUMBERS
        }
        skipped = sum(entry.cases for entry in self.not_replayed)
        return {**numbers, "not_replayed": skipped}

    def to_json(self) -> str:
        """Return the report as json, as this module's docstring lays out.

        Returns
        -------
        str
            Indented json with a line end; no not-a-number in it.
        """
        content = {
            "format": 1,
            "tool": "verify",
            "exit_code": self.exit_code,
            "folder": self.folder,
            "manifest": self.manifest,
            "notes": list(self.notes),
            "stopped_early": self.stopped_early,
            "versions": self.versions,
            "summary": self.summary,
            "rows": [_row(row) for row in self.rows],
            "not_replayed": [vars(entry) for entry in self.not_replayed],
            "problems": [vars(problem) for problem in self.problems],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


_NUMBERS = ("cases", "identical", "within_tolerance", "different")


def _row(row: Row) -> dict[str, Any]:
    arrays = ByArray()
    for result in row.results:
        arrays.add(result.comparison)
    return {
        "example": row.example,
        "function": row.function,
        **{name: getattr(row, name) for name in _NUMBERS},
        "largest_absolute": _located(row.largest_absolute),
        "largest_relative": _located(row.largest_relative),
        "largest_ulp": _located(row.largest_ulp),
        "noise_floor": _floor(row.noise_floor),
        "dtype_differences": row.dtype_differences,
        "key_order_differences": row.key_order_differences,
        "differences": [
            {"case": result.case, **vars(difference)}
            for result in row.results
            for difference in result.comparison.differences
        ],
        "arrays": arrays.to_json(),
    }


def _located(extreme: tuple[str, Extreme] | None) -> dict[str, Any] | None:
    if extreme is None:
        return None
    case, largest = extreme
    return {"value": _number(largest), "case": case, "path": largest.path}


def _floor(floor: Comparison | None) -> dict[str, Any] | None:
    if floor is None:
        return None
    return {
        "absolute": _number(floor.largest_absolute),
        "relative": _number(floor.largest_relative),
        "ulp": _number(floor.largest_ulp),
    }


def _number(extreme: Extreme | None) -> float | str:
    if extreme is None:
        return 0.0
    # json has no infinity.
    return extreme.value if math.isfinite(extreme.value) else "inf"
