"""Going through the cases: check against recordings, compare, time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .cases import Case
from .checking import measure_row, too_little
from .first_calls import measure_first_call
from .legacy import ORACLE, Legacy, from_module, from_oracle
from .machine import copy_bandwidth, machine
from .models import Size
from .recorded import Replayed, replay_recorded
from .register import CASES
from .report import CaseReport, FirstCall, Report, Row
from .surroundings import quiet
from .timing import Effort

__all__ = ["Options", "UnknownCaseError", "bench", "legacy_side"]

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""

_FLOW_CALLS = 6
_QUICK_SITES = (1, 3)
_QUICK_CALLS = 3
# What compiles for half a minute is measured quickly only if it is named.
_NEVER_QUICK = ("draws", "draws-local", "training-step", "training-local")
_QUICK_SAMPLES = 16


class UnknownCaseError(ValueError):
    """A case was asked for that there is not."""

    def __init__(self, name: str):
        super().__init__(
            f"unknown case {name!r}; the cases are: {', '.join(CASES)}"
        )


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes
    ----------
    legacy : str
        ``'oracle'``, or an installed package with the legacy names.
    cases : tuple of str
        Their names; all if empty.
    max_sites : int or None
        Leave larger sizes out.
    quick : bool
        Small sizes and few rounds, to see that all works.
    """

    legacy: str = ORACLE
    cases: tuple[str, ...] = ()
    max_sites: int | None = None
    quick: bool = False


def legacy_side(name: str) -> Legacy:
    """Return the old side by its name.

    Raises
    ------
    OracleError
        If the oracle cannot be found.
    LegacyModuleError
        If the package is no legacy package.
    """
    return from_oracle() if name == ORACLE else from_module(name)


def bench(options: Options, progress: Progress | None = None) -> Report:
    """Measure old against new.

    Parameters
    ----------
    options : Options
    progress : callable, optional
        Called before every step.

    Returns
    -------
    Report
        Also where something differs, or too little memory is there: it says
        which.

    Raises
    ------
    UnknownCaseError
        If there is no such case.
    OracleError, LegacyModuleError
        If there is no old side.
    RecordingError
        If there is no stored legacy output to check it against.
    """
    for name in options.cases:
        if name not in CASES:
            raise UnknownCaseError(name)
    legacy = legacy_side(options.legacy)
    chosen = [
        case
        for name, case in CASES.items()
        if name in options.cases
        or not (options.cases or (options.quick and name in _NEVER_QUICK))
    ]
    with quiet():
        return _Run(options, legacy, chosen, progress).all()


class _Run:
    def __init__(
        self,
        options: Options,
        legacy: Legacy,
        cases: Sequence[Case],
        progress: Progress | None,
    ):
        self.options = options
        self.legacy = legacy
        self.cases = cases
        self._progress = progress
        self._done = 0
        self._steps = 1 + sum(
            len(self._sizes(case)) + self._n_first_calls(case) for case in cases
        )

    def all(self) -> Report:
        self._tell("recordings")
        quick = self.options.quick
        about = machine()
        about["copy_bytes_per_s"] = copy_bandwidth(2**25 if quick else 2**28)
        functions = {name: None for c in self.cases for name in c.recorded}
        replayed = {name: self._replay(name) for name in functions}
        reports = []
        first_calls: list[FirstCall] = []
        for case in self.cases:
            reports.append(self._case(case, replayed))
            if any(row.ratio("seconds") for row in reports[-1].rows):
                first_calls += self._first_calls(case)
        return Report(
            self.legacy.name,
            about,
            tuple(replayed.values()),
            tuple(reports),
            tuple(first_calls),
        )

    def _tell(self, what: str) -> None:
        if self._progress is not None:
            self._progress(min(1.0, self._done / self._steps), what)
        self._done += 1

    def _replay(self, function: str) -> Replayed:
        most = _QUICK_CALLS if self.options.quick else None
        if "." in function:
            most = 1 if self.options.quick else _FLOW_CALLS
        return replay_recorded(self.legacy, function, most=most)

    def _sizes(self, case: Case) -> list[tuple[Size, bool]]:
        """Return the sizes, and whether all sides are asked."""
        n, sites, further = case.n_samples, case.sites, case.further_sites
        if self.options.quick:
            n, further = min(n, _QUICK_SAMPLES), ()
            sites = _QUICK_SITES[: 1 if case.slow else None]
        most = self.options.max_sites
        return [
            (Size(number, n), number in sites)
            for number in (*sites, *further)
            if most is None or number <= most
        ]

    def _case(self, case: Case, replayed: dict[str, Replayed]) -> CaseReport:
        bad = [
            name
            for name in case.recorded
            if replayed[name].differences or replayed[name].problems
        ]
        rows = []
        sizes = self._sizes(case)
        if case.needs_oracle and self.legacy.name != ORACLE:
            bad, reason = [case.name], "is no call of a legacy package"
        else:
            reason = "does not repeat the recordings"
        for size, everyone in sizes:
            self._tell(f"{case.name}, {size.n_sites} sites")
            if bad:
                why = {"old": f"{', '.join(bad)} {reason}"}
                row = Row(size.n_sites, size.n_tokens, left_out=why)
            else:
                row = measure_row(
                    case, size, self.legacy, everyone, self._effort()
                )
            rows.append(row)
        return CaseReport(
            case.name,
            case.about,
            case.mode,
            sizes[0][0].n_samples if sizes else case.n_samples,
            case.floor,
            tuple(rows),
        )

    def _effort(self) -> Effort:
        return Effort(0.02, 1, 5, False) if self.options.quick else Effort()

    def _n_first_calls(self, case: Case) -> int:
        most = self.options.max_sites
        if self.options.quick or not case.first_calls:
            return 0
        if most is not None and case.middle > most:
            return 0
        return len(_compared(case))

    def _first_calls(self, case: Case) -> Iterator[FirstCall]:
        if not self._n_first_calls(case):
            return
        size = Size(case.middle, case.n_samples)
        if too_little(case.old_needs(size)):
            return
        for side in _compared(case):
            self._tell(f"{case.name}, first call, {side}")
            found = measure_first_call(
                case.name, side, *size, self.legacy.name, rounds=3
            )
            if found is not None:
                yield found


def _compared(case: Case) -> list[str]:
    """Return the old side, and the core or else the bridge."""
    return ["old", "new" if "new" in case.sides else "bridge"]
