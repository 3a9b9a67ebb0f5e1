"""Whether the old side repeats what the legacy package was recorded to do."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.records.checks import InCase, Replayed
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.silence import replaying

from .old_side import Legacy

__all__ = ["replay_recorded"]

_EXAMPLE = "seir"  # the one that is measured


def replay_recorded(legacy: Legacy, function: str, quick: bool) -> Replayed:
    """Make recorded calls of a function again, by the old side.

    A file that is missing, altered or refused raises a `RecordingError`.
    """
    folder, of_flow = stored_folder(), "." in function
    name = function.removeprefix("_").replace(".", "_")
    names = {f"{_EXAMPLE}/{name}.{kind}" for kind in ("json", "npz")}
    manifest = read_manifest(folder)
    for problem in () if manifest is None else check_files(folder, manifest):
        if problem.file in names:
            raise RecordingError(problem.file, problem.fault)
    cases = read_cases(folder / _EXAMPLE / f"{name}.json", folder)
    if of_flow:  # calls that compile for seconds
        cases = [c for c in cases if not c.traced and c.raises is None]
    most = (1 if quick else 6) if of_flow else 3 if quick else None
    cases = cases[:most]
    with replaying(), ThreadPoolExecutor(4) as pool:
        once = partial(replay, lookup=legacy.recorded)
        results = list(pool.map(once, cases))
    differences = tuple(
        InCase(case.name, result.differences[0])
        for case, result in zip(cases, results, strict=True)
        if not result.agrees
    )
    tally = sum((result.tally for result in results), Tally())
    return Replayed(_EXAMPLE, function, tally, differences=differences)
