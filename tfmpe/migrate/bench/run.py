"""A run over the cases: check against recordings, compare, time."""

from collections.abc import Callable, Iterator, Sequence

from tfmpe.migrate.records.checks import Bench, BenchCase, BenchRow, Replayed
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
_QUICK_SAMPLES = 16
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
        Also where something differs, or too little memory is there.

    Raises
    ------
    LegacyModuleError, RecordingError
        If there is no such package, or no stored legacy output.
    """
    old = old_side(legacy)
    names = cases or [n for n in CASES if not (quick and n in _NEVER_QUICK)]
    plans = {n: _sizes(CASES[n], max_sites, quick) for n in CASES if n in names}
    steps = _steps(progress, 1 + sum(map(len, plans.values())))
    with quiet():
        next(steps)("recordings")
        wanted = dict.fromkeys(f for n in plans for f in CASES[n].recorded)
        replayed = {f: _replay(old, f, quick) for f in wanted}
        effort = Effort(0.02, 1, 5, forget=False) if quick else Effort()
        found = []
        for name, sizes in plans.items():
            why = _why_not(CASES[name], old, replayed)
            found.append(_case(name, sizes, old, why, effort, steps))
    rows = [(case.case, row) for case in found for row in case.rows]
    differences = [
        f"recorded {function}: {each.case}: {each.difference}"
        for function, replay in replayed.items()
        for each in replay.differences
    ]
    differences += [
        f"{name}, {counted(row.sites, 'site')}, {side}: {reason}"
        for name, row in rows
        for side, reason in row.left_out.items()
        if reason.startswith(DIFFERENT)
    ]
    nothing = not any(row.both for _, row in rows)
    return Bench(
        exit_code=1 if differences else 3 if nothing else 0,
        old=old.name,
        machine=machine(),
        cases=tuple(found),
        recordings=tuple(replayed.values()),
        differences=tuple(differences),
    )


Steps = Iterator[Callable[[str], None]]


def _steps(progress: Progress | None, n: int) -> Steps:
    for done in range(n):
        yield lambda what, done=done: progress and progress(done / n, what)


def _sizes(case: Case, max_sites: int | None, quick: bool) -> list[Size]:
    n, sites = case.samples, (*case.sites, *case.further)
    if quick:
        n, sites = min(n, _QUICK_SAMPLES), (1,) if case.slow else (1, 3)
    return [Size(s, n) for s in sites if max_sites is None or s <= max_sites]


def _replay(old: Legacy, function: str, quick: bool) -> Replayed:
    if "." in function:
        return replay_recorded(old, function, 1 if quick else _FLOW_CALLS)
    return replay_recorded(old, function, 3 if quick else None)


def _why_not(
    case: Case, old: Legacy, replayed: dict[str, Replayed]
) -> str | None:
    """Return why the old side cannot stand for the legacy package."""
    if case.oracle_only and old.name != ORACLE:
        return "this is no call of a legacy package"
    bad = [name for name in case.recorded if replayed[name].tally.different]
    return f"{bad[0]} does not repeat the recordings" if bad else None


def _case(
    name: str,
    sizes: list[Size],
    old: Legacy,
    why: str | None,
    effort: Effort,
    steps: Steps,
) -> BenchCase:
    case, rows, n = CASES[name], [], CASES[name].samples
    for size in sizes:
        next(steps)(f"{name}, {counted(size.n_sites, 'site')}")
        row = BenchRow(size.n_sites, {}, {"old": why or ""}, size.n_tokens)
        n = size.n_samples
        rows.append(row if why else measure_row(case, size, old, effort))
    mode = "jitted" if case.jitted else "eager"
    return BenchCase(name, case.about, mode, tuple(rows), n, growth_of(rows))
