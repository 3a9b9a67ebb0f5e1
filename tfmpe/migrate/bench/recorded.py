"""Whether the old side repeats what the legacy package was recorded to do."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.nested import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.records.checks import InCase, Problem, Replayed
from tfmpe.migrate.records.parity import Difference, Tally
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.silence import replaying

from .old_side import Legacy

__all__ = ["EXAMPLE", "replay_recorded"]

EXAMPLE = "seir"
"""The example whose recordings are replayed: the one that is measured."""


def replay_recorded(
    legacy: Legacy, function: str, most: int | None = None
) -> Replayed | Problem:
    """Make the recorded calls of a function again, by the old side.

    Parameters
    ----------
    legacy
        The old side.
    function
        Its recorded name.
    most
        Replay only so many: those of a flow compile.

    Returns
    -------
    Replayed or Problem
        A problem if a file is missing, altered or refused.

    Raises
    ------
    RecordingError
        If there are no recordings.
    """
    folder = stored_folder()
    file = folder / EXAMPLE / f"{_file_name(function)}.json"
    parts = [file, file.with_suffix(".npz")]
    names = {part.relative_to(folder).as_posix() for part in parts}
    for problem in check_files(folder, read_manifest(folder)):
        if problem.file in names:
            return problem
    cases = [
        case
        for case in read_cases(file, folder)
        if "." not in function or (not case.traced and case.raises is None)
    ][:most]
    with replaying(), ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
        replayed = partial(replay, lookup=legacy.recorded)
        results = list(pool.map(replayed, cases))
    tally, differences = Tally(), []
    for case, result in zip(cases, results, strict=True):
        outcome = "identical" if result.identical else "different"
        if result.within_tolerance:
            outcome = "within tolerance"
        tally += Tally.of(outcome)
        if outcome == "different":
            d = result.differences[0]
            d = Difference(d.kind, d.path, d.stored, d.found, d.tolerated)
            differences.append(InCase(case.name, d))
    return Replayed(EXAMPLE, function, tally, differences=tuple(differences))


def _file_name(function: str) -> str:
    return function.removeprefix("_").replace(".", "_")
