"""Whether the old side repeats what the legacy package was recorded to do."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.silence import replaying

from .legacy import Legacy

__all__ = ["Replayed", "replay_recorded"]

EXAMPLE = "seir"
"""The example whose recordings are replayed: the one that is measured."""

_N_WORKERS = min(os.cpu_count() or 1, 4)


class Replayed(NamedTuple):
    """What replaying one recorded function gave.

    Attributes
    ----------
    function : str
    cases : int
        How many calls were made again, and compared.
    differences : tuple of str
        One line for each that was not the same.
    problems : tuple of str
        Files that are missing, altered or refused.
    """

    function: str
    cases: int
    differences: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def replay_recorded(
    legacy: Legacy,
    function: str,
    *,
    most: int | None = None,
    folder: Path | None = None,
) -> Replayed:
    """Make the recorded calls of a function again, by the old side.

    Parameters
    ----------
    legacy : Legacy
        The old side.
    function : str
        Its recorded name.
    most : int, optional
        Replay only so many: those of a flow compile.
    folder : Path, optional
        A folder of recordings; by default the one that travels with the
        package.

    Returns
    -------
    Replayed

    Raises
    ------
    RecordingError
        If there are no recordings, or the file is refused.
    """
    folder = stored_folder() if folder is None else folder
    name = function.removeprefix("_").replace(".", "_")
    file = folder / EXAMPLE / f"{name}.json"
    problems = _problems(folder, file)
    if problems:
        return Replayed(function, 0, problems=problems)
    cases = [
        case
        for case in read_cases(file, folder)
        if "." not in function or (not case.traced and case.raises is None)
    ][:most]
    once = partial(replay, lookup=legacy.recorded)
    with replaying(), ThreadPoolExecutor(_N_WORKERS) as pool:
        results = list(pool.map(once, cases))
    return Replayed(
        function,
        len(cases),
        tuple(
            f"{case.example} {case.name}: {result.differences[0]}"
            for case, result in zip(cases, results, strict=True)
            if not result.agrees
        ),
    )


def _problems(folder: Path, file: Path) -> tuple[str, ...]:
    manifest = read_manifest(folder)
    if manifest is None:
        return ()
    parts: Iterable[Path] = (file, file.with_suffix(".npz"))
    wanted = {part.relative_to(folder).as_posix() for part in parts}
    return tuple(
        f"{problem.file}: {problem.fault}"
        for problem in check_files(folder, manifest)
        if problem.file in wanted
    )
