"""Replay of all calls in one recording."""

from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec.structs import replace

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.records.checks import InCase, NotReplayed, Problem, Replayed
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.records.places import Strict
from tfmpe.migrate.replay.compare import Comparison, Tolerance, joined
from tfmpe.migrate.replay.names import MissingPackageError
from tfmpe.migrate.replay.replay import replay, why_not
from tfmpe.migrate.replay.targets import Lookup, bridge

from .choice import LEFT_OUT


class FileResult(Strict, frozen=True):
    """Results of replaying a recording, or the reason for refusing it."""

    file: str
    row: Replayed | None = None
    not_replayed: tuple[NotReplayed, ...] = ()
    problem: Problem | None = None


def replay_file(
    file: Path,
    folder: Path,
    chosen: Collection[str] | None = None,
    lookup: Lookup = bridge,
    loosened: Tolerance | None = None,
    n_workers: int = 1,
) -> FileResult:
    """Replay one recording of a folder, or chosen cases of it."""
    shown = file.relative_to(folder).as_posix()
    try:
        cases = read_cases(file, folder)
    except RecordingError as error:
        return FileResult(shown, problem=Problem(error.file, error.fault))

    def outcome(case: Case) -> Comparison | str:
        if chosen is not None and case.name not in chosen:
            return LEFT_OUT
        try:
            return why_not(case) or replay(case, lookup, loosened)
        except MissingPackageError as error:
            return str(error)

    reasons: Counter[str] = Counter()
    found: list[tuple[Case, Comparison]] = []
    with ThreadPoolExecutor(n_workers) as pool:
        outcomes = (pool.map if n_workers > 1 else map)(outcome, cases)
        for case, result in zip(cases, outcomes, strict=True):
            if isinstance(result, str):
                reasons[result] += 1
            else:
                found.append((case, result))
    left = tuple(
        NotReplayed(file.parent.name, cases[0].function, number, reason)
        for reason, number in reasons.items()
    )
    return FileResult(shown, _row(found) if found else None, left)


def _row(found: list[tuple[Case, Comparison]]) -> Replayed:
    first = found[0][0]
    tallies = (_in_case(case.name, result.tally) for case, result in found)
    differences = (
        InCase(case.name, difference)
        for case, result in found
        for difference in result.differences
    )
    return Replayed(
        first.example,
        first.function,
        sum(tallies, Tally()),
        joined(result for _, result in found).arrays,
        tuple(differences),
    )


def _in_case(name: str, tally: Tally) -> Tally:
    largest = {
        size: replace(getattr(tally, size), case=name)
        for size in ("absolute", "relative", "ulp")
        if getattr(tally, size) is not None
    }
    return replace(tally, **largest)
