"""Benchmark run over all cases: replay of recordings, comparison, timing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.records import checks
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.silence import replaying
from tfmpe.migrate.show.words import counted

from .cases import CASES
from .data import Size
from .growth import growth_of
from .machine import machine, quiet
from .measure import DIFFERENT, Effort, measure_row
from .old_side import ORACLE, Legacy, old_side
from .task import Case

Progress = Callable[[float, str], None]
"""Callback with the completed share, from 0 to 1, and a label."""

_QUICK_SAMPLES = 16
_EXAMPLE = "seir"  # the measured example


def bench(
    legacy: str = ORACLE,
    cases: Sequence[str] = (),
    max_sites: int | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> checks.Bench:
    """Measure old against new code, in all cases or in the given ones."""
    old, told = old_side(legacy), progress or (lambda share, what: None)
    names = cases or [n for n in CASES if not (quick and CASES[n].slow)]
    rows = {n: list[checks.BenchRow]() for n in CASES if n in names}
    todo = [(n, s) for n in rows for s in _sizes(CASES[n], max_sites, quick)]
    effort = Effort(0.02, 1, 5, forget=False) if quick else Effort()
    with quiet():
        told(0.0, "recordings")
        wanted = dict.fromkeys(f for n in rows for f in CASES[n].recorded)
        most = 3 if quick else None
        replayed = {f: _replay(old, f, most) for f in wanted}
        for done, (name, size) in enumerate(todo):
            told(done / len(todo), f"{name}, {counted(size.n_sites, 'site')}")
            row = _row(CASES[name], size, old, replayed, effort)
            rows[name].append(row)
    differences = tuple(_differences(rows, replayed))
    nothing = not any(row.both for of_case in rows.values() for row in of_case)
    return checks.Bench(
        exit_code=1 if differences else 3 if nothing else 0,
        old=old.name,
        machine=machine(),
        cases=tuple(
            checks.BenchCase(
                name,
                CASES[name].about,
                "jitted" if CASES[name].jitted else "eager",
                tuple(found),
                _samples(CASES[name], quick),
                growth_of(found),
            )
            for name, found in rows.items()
        ),
        recordings=tuple(replayed.values()),
        differences=differences,
    )


def _samples(case: Case, quick: bool) -> int:
    return min(case.samples, _QUICK_SAMPLES) if quick else case.samples


def _sizes(case: Case, max_sites: int | None, quick: bool) -> list[Size]:
    sites = (*case.sites, *case.further)
    if quick:
        sites = (1,) if case.slow else (1, 3)
    at_most = float("inf") if max_sites is None else max_sites
    return [Size(s, _samples(case, quick)) for s in sites if s <= at_most]


def _replay(old: Legacy, function: str, most: int | None) -> checks.Replayed:
    """Repeat recorded calls on the old side."""
    folder = stored_folder()
    file = folder / _EXAMPLE / f"{function.removeprefix('_')}.json"
    cases = read_cases(file, folder)[:most]
    with replaying(), ThreadPoolExecutor(4) as pool:
        once = partial(replay, lookup=old.functions.__getitem__)
        results = list(pool.map(once, cases))
    differences = tuple(
        checks.InCase(case.name, result.differences[0])
        for case, result in zip(cases, results, strict=True)
        if not result.agrees
    )
    tally = sum((result.tally for result in results), Tally())
    return checks.Replayed(_EXAMPLE, function, tally, differences=differences)


def _row(
    case: Case,
    size: Size,
    old: Legacy,
    replayed: Mapping[str, checks.Replayed],
    effort: Effort,
) -> checks.BenchRow:
    """Measure one size, with the given old side."""
    wrong = [name for name in case.recorded if replayed[name].tally.different]
    if case.oracle_only and old.name != ORACLE:
        why = "the task has no legacy call"
    elif wrong:
        why = f"{wrong[0]} does not reproduce the recordings"
    else:
        return measure_row(case, size, old, effort)
    return checks.BenchRow(size.n_sites, {}, {"old": why}, size.n_tokens)


def _differences(
    rows: Mapping[str, Sequence[checks.BenchRow]],
    replayed: Mapping[str, checks.Replayed],
) -> Iterator[str]:
    for function, found in replayed.items():
        for each in found.differences:
            yield f"recorded {function}: {each.case}: {each.difference}"
    for name, of_case in rows.items():
        for row in of_case:
            for side, why in row.left_out.items():
                if why.startswith(DIFFERENT):
                    yield f"{name}, {counted(row.sites, 'site')}, {side}: {why}"
