"""A run over the cases: check against recordings, compare, time."""

from collections.abc import Callable, Iterator, Sequence

from tfmpe.migrate.records.checks import (
    Bench,
    BenchCase,
    BenchRow,
    Problem,
    Replayed,
)
from tfmpe.migrate.show.words import counted

from .cases import CASES
from .data import Size
from .growth import growth_of
from .machine import machine, quiet
from .measure import DIFFERENT, measure_row
from .old_side import ORACLE, Legacy, old_side
from .recorded import replay_recorded
from .task import Case
from .timing import Effort

__all__ = ["bench"]

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""

_FLOW_CALLS = 6
# What compiles for half a minute is measured quickly only if it is named.
_NEVER_QUICK = ("draws", "draws-local", "training-step", "training-local")


def bench(
    legacy: str = ORACLE,
    cases: Sequence[str] = (),
    max_sites: int | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> Bench:
    """Measure old against new.

    Parameters
    ----------
    legacy
        ``'oracle'``, or an installed package with the legacy names.
    cases
        Their names; all if empty.
    max_sites
        Leave larger sizes out.
    quick
        Small sizes and few rounds, to see that all works.
    progress
        Called before every step.

    Returns
    -------
    Bench
        Also where something differs, or too little memory is there: it says
        which.

    Raises
    ------
    LegacyModuleError
        If the package is not a legacy package.
    RecordingError
        If there is no stored legacy output to check it against.
    """
    old = old_side(legacy)
    names = cases or [n for n in CASES if not (quick and n in _NEVER_QUICK)]
    plans = {n: _sizes(CASES[n], max_sites, quick) for n in CASES if n in names}
    left = sum(map(len, plans.values()))
    steps = _steps(progress, 1 + left)
    differences: list[str] = []
    with quiet():
        next(steps)("recordings")
        wanted = dict.fromkeys(f for n in plans for f in CASES[n].recorded)
        replayed = {f: _replay(old, f, quick) for f in wanted}
        for function, each in replayed.items():
            if isinstance(each, Replayed):
                differences += [
                    f"recorded {function}: {d.case}: {d.difference}"
                    for d in each.differences
                ]
        found = [
            _case(name, sizes, old, replayed, quick, steps)
            for name, sizes in plans.items()
        ]
    differences += [
        f"{case.case}, {counted(row.sites, 'site')}, {side}: {reason}"
        for case in found
        for row in case.rows
        for side, reason in row.left_out.items()
        if reason.startswith(DIFFERENT)
    ]
    problems = [p for p in replayed.values() if isinstance(p, Problem)]
    compared = any(row.both for case in found for row in case.rows)
    return Bench(
        exit_code=1 if differences else 0 if compared and not problems else 3,
        old=old.name,
        machine=machine(),
        cases=tuple(found),
        recordings=tuple(
            each for each in replayed.values() if isinstance(each, Replayed)
        ),
        differences=tuple(differences),
        problems=tuple(problems),
    )


def _steps(
    progress: Progress | None, n: int
) -> Iterator[Callable[[str], None]]:
    for done in range(n):
        yield lambda what, done=done: progress and progress(done / n, what)


def _sizes(case: Case, max_sites: int | None, quick: bool) -> list[Size]:
    n, sites = case.samples, (*case.sites, *case.further)
    if quick:
        n, sites = min(n, 16), (1,) if case.slow else (1, 3)
    return [Size(s, n) for s in sites if max_sites is None or s <= max_sites]


def _replay(old: Legacy, function: str, quick: bool) -> Replayed | Problem:
    if "." in function:
        return replay_recorded(old, function, 1 if quick else _FLOW_CALLS)
    return replay_recorded(old, function, 3 if quick else None)


def _why_not(
    case: Case, old: Legacy, replayed: dict[str, Replayed | Problem]
) -> str | None:
    """Return why the old side cannot stand for the legacy package."""
    if case.oracle_only and old.name != ORACLE:
        return "this is no call of a legacy package"
    for name in case.recorded:
        found = replayed[name]
        if isinstance(found, Problem) or found.tally.different:
            return f"{name} does not repeat the recordings"
    return None


def _case(
    name: str,
    sizes: list[Size],
    old: Legacy,
    replayed: dict[str, Replayed | Problem],
    quick: bool,
    steps: Iterator[Callable[[str], None]],
) -> BenchCase:
    case, rows = CASES[name], []
    why = _why_not(case, old, replayed)
    effort = Effort(0.02, 1, 5, forget=False) if quick else Effort()
    for size in sizes:
        next(steps)(f"{name}, {counted(size.n_sites, 'site')}")
        row = BenchRow(size.n_sites, {}, {"old": why or ""}, size.n_tokens)
        rows.append(row if why else measure_row(case, size, old, effort))
    mode = "jitted" if case.jitted else "eager"
    n_samples = min((size.n_samples for size in sizes), default=case.samples)
    return BenchCase(
        name, case.about, mode, tuple(rows), n_samples, growth_of(rows)
    )
