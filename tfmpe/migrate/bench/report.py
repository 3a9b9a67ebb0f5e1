"""What was measured, and its json form.

The json (`Report.to_json`) is one object; names are only ever added to it:

    format        3
    tool          "bench"
    exit_code     0 all equal and timed, 1 a difference, 3 nothing compared
    old           "oracle", or the package that was named
    machine       cores, architecture, system, virtual, device, device_kind,
                  device_bytes, python, jax, numpy, copy_bytes_per_s
    recordings    [{"function", "cases", "differences", "problems"}, ...]
    cases         one object per case, with
      case, about, mode, n_samples, floor
      rows        [{"sites", "tokens", "moved_bytes", "left_out", "sides"}]
      growth      {side: {"seconds" and "bytes": {"exponent", "sites"}}}
    sides of a row, by name: median_s, q1_s, q3_s, rounds, calls, bytes,
                  compile_s
    left_out      {side: reason}: too little memory, or a difference
    first_calls   [{"case", "sites", "side", "seconds", "peak_bytes"}, ...]
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .growth import exponent
from .recorded import Replayed
from .timing import Times

__all__ = ["CaseReport", "FirstCall", "Measured", "Report", "Row"]

FORMAT = 3
DIFFERENT = "differs: "
"""How the reason begins for which a side was left out, if it is wrong."""


@dataclass(frozen=True)
class Measured:
    """One side of one size.

    Attributes
    ----------
    times : Times
    n_bytes : int
        Of the result; under jit of results and temporaries.
    compile_s : float
        Seconds by which the first call is longer; under jit, of compiling.
    """

    times: Times
    n_bytes: int
    compile_s: float


@dataclass(frozen=True)
class Row:
    """One number of sites of a case.

    Attributes
    ----------
    sites, tokens : int
    sides : mapping of str to Measured
    left_out : mapping of str to str
        Why a side was not timed.
    moved_bytes : int or None
        What has to be read and written at least.
    """

    sites: int
    tokens: int
    sides: Mapping[str, Measured] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    moved_bytes: int | None = None

    @property
    def newest(self) -> Measured | None:
        """The core's numbers; the bridge's where the core has no such call."""
        return self.sides.get("new") or self.sides.get("bridge")

    def ratio(self, what: str) -> float | None:
        """Return old by new, of ``'seconds'`` or ``'bytes'``."""
        old, new = self.sides.get("old"), self.newest
        if old is None or new is None:
            return None
        below = quantity(new, what)
        return quantity(old, what) / below if below else None


@dataclass(frozen=True)
class CaseReport:
    """All sizes of a case.

    Attributes
    ----------
    name, about, mode, floor : str
        As of the case.
    n_samples : int
    rows : tuple of Row
    """

    name: str
    about: str
    mode: str
    n_samples: int
    floor: str = ""
    rows: tuple[Row, ...] = ()

    def series(self, side: str, what: str) -> tuple[list[int], list[float]]:
        """Return numbers of sites, and a side's seconds or bytes."""
        sites, values = [], []
        for row in self.rows:
            if side in row.sides and quantity(row.sides[side], what) > 0:
                sites.append(row.sites)
                values.append(quantity(row.sides[side], what))
        return sites, values

    def growth(
        self, side: str, what: str
    ) -> tuple[float, tuple[int, ...]] | None:
        """Return the fitted exponent, and the numbers of sites behind it."""
        return exponent(*self.series(side, what))


@dataclass(frozen=True)
class FirstCall:
    """The first call in a fresh process.

    Attributes
    ----------
    case, side : str
    sites : int
    seconds : float
        Median over processes.
    peak_bytes : int or None
        What resident memory grew by at most, where the system tells.
    """

    case: str
    side: str
    sites: int
    seconds: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Report:
    """A whole run.

    Attributes
    ----------
    old : str
        The old side.
    machine : mapping
        As of `machine`, and the bandwidth of a copy.
    recordings : tuple of Replayed
    cases : tuple of CaseReport
    first_calls : tuple of FirstCall
    """

    old: str
    machine: Mapping[str, Any]
    recordings: tuple[Replayed, ...] = ()
    cases: tuple[CaseReport, ...] = ()
    first_calls: tuple[FirstCall, ...] = ()

    @property
    def differences(self) -> tuple[str, ...]:
        """What was not equal, one line each."""
        found = [
            f"recorded {replayed.function}: {line}"
            for replayed in self.recordings
            for line in replayed.differences
        ]
        found += [
            f"{case.name}, {row.sites} sites, {side}: {reason}"
            for case in self.cases
            for row in case.rows
            for side, reason in row.left_out.items()
            if reason.startswith(DIFFERENT)
        ]
        return tuple(found)

    @property
    def problems(self) -> tuple[str, ...]:
        """Recordings that cannot be relied on."""
        return tuple(
            problem
            for replayed in self.recordings
            for problem in replayed.problems
        )

    @property
    def exit_code(self) -> int:
        """0 all equal, 1 a difference, 3 nothing compared or a bad file."""
        if self.differences:
            return 1
        compared = any(
            row.ratio("seconds") for case in self.cases for row in case.rows
        )
        return 0 if compared and not self.problems else 3

    def to_json(self) -> str:
        """Return the report as json, which ends in a newline."""
        content = {
            "format": FORMAT,
            "tool": "bench",
            "exit_code": self.exit_code,
            "old": self.old,
            "machine": dict(self.machine),
            "recordings": [each._asdict() for each in self.recordings],
            "cases": [_case(case) for case in self.cases],
            "first_calls": [vars(each) for each in self.first_calls],
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Read what `to_json` has written.

        Raises
        ------
        ValueError
            If it is of another format.
        """
        content = json.loads(text)
        if content.get("format") != FORMAT:
            raise ValueError(
                f"This result has format {content.get('format')!r}; only "
                f"{FORMAT} is read. Measure anew with tfmpe bench --json."
            )
        return cls(
            content["old"],
            content["machine"],
            tuple(_replayed(each) for each in content["recordings"]),
            tuple(_read_case(each) for each in content["cases"]),
            tuple(FirstCall(**each) for each in content["first_calls"]),
        )


def quantity(measured: Measured, what: str) -> float:
    """Return the median seconds, or the bytes."""
    if what == "seconds":
        return measured.times.median
    return measured.n_bytes


def _case(case: CaseReport) -> dict[str, Any]:
    sides = {side: None for row in case.rows for side in row.sides}
    growth: dict[str, Any] = {}
    for side in sides:
        growth[side] = {}
        for what in ("seconds", "bytes"):
            fitted = case.growth(side, what)
            growth[side][what] = fitted and {
                "exponent": fitted[0],
                "sites": fitted[1],
            }
    return {
        "case": case.name,
        "about": case.about,
        "mode": case.mode,
        "n_samples": case.n_samples,
        "floor": case.floor,
        "rows": [
            {
                "sites": row.sites,
                "tokens": row.tokens,
                "moved_bytes": row.moved_bytes,
                "left_out": dict(row.left_out),
                "sides": {
                    side: _measured(measured)
                    for side, measured in row.sides.items()
                },
                "time_ratio": row.ratio("seconds"),
                "bytes_ratio": row.ratio("bytes"),
            }
            for row in case.rows
        ],
        "growth": growth,
    }


def _measured(measured: Measured) -> dict[str, Any]:
    times = measured.times
    return {
        "median_s": times.median,
        "q1_s": times.q1,
        "q3_s": times.q3,
        "rounds": times.rounds,
        "calls": times.calls,
        "bytes": measured.n_bytes,
        "compile_s": measured.compile_s,
    }


def _replayed(written: Mapping[str, Any]) -> Replayed:
    return Replayed(
        written["function"],
        written["cases"],
        tuple(written["differences"]),
        tuple(written["problems"]),
    )


def _read_case(written: Mapping[str, Any]) -> CaseReport:
    rows = tuple(
        Row(
            row["sites"],
            row["tokens"],
            {
                side: Measured(
                    Times(
                        each["q1_s"],
                        each["median_s"],
                        each["q3_s"],
                        each["rounds"],
                        each["calls"],
                    ),
                    each["bytes"],
                    each["compile_s"],
                )
                for side, each in row["sides"].items()
            },
            row["left_out"],
            row["moved_bytes"],
        )
        for row in written["rows"]
    )
    return CaseReport(
        written["case"],
        written["about"],
        written["mode"],
        written["n_samples"],
        written["floor"],
        rows,
    )
