"""Replaying stored legacy output and reporting what is not the same."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from msgspec.structs import replace

from tfmpe.migrate import exit_codes
from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings import fingerprint
from tfmpe.migrate.recordings.files import MANIFEST_NAME, find_recordings
from tfmpe.migrate.recordings.manifest import (
    Manifest,
    check_files,
    read_manifest,
)
from tfmpe.migrate.recordings.read import read_flags
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.records.checks import Problem, Verify
from tfmpe.migrate.replay.silence import replaying
from tfmpe.migrate.replay.targets import LOOSENED, Lookup, bridge

from .calibration import Calibration
from .one_file import FileResult, replay_file
from .processes import Processes

__all__ = ["Progress", "UnknownExampleError", "verify"]

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""

_N_WORKERS = min(os.cpu_count() or 1, 4)


class UnknownExampleError(ValueError):
    """An example was asked for that the stored output does not have."""

    def __init__(self, name: str, known: tuple[str, ...]):
        super().__init__(
            f"unknown example {name!r}; the stored output has: "
            f"{', '.join(known) or 'none'}"
        )


def verify(
    folder: Path | str | None = None,
    *,
    example: str | None = None,
    fail_fast: bool = False,
    progress: Progress | None = None,
    lookup: Lookup = bridge,
    other_fingerprint: bool = False,
    calibrate: bool = False,
) -> Verify:
    """Replay stored legacy output and compare everything.

    Parameters
    ----------
    folder
        A folder of recordings; by default the one that travels with the
        package.
    example
        Replay only this example.
    fail_fast
        Stop at the first case that differs, or at the first bad file.
    progress
        Called after every recording.
    lookup
        Gives the implementation to call; by default the bridge.
    other_fingerprint
        Replay also what was recorded on another kind of device, or with
        another precision or other random numbers. What is otherwise compared
        to the bit may then differ by `LOOSENED`.
    calibrate
        Also measure the noise floor of every row; see
        `tfmpe.migrate.verify.calibration`.

    Returns
    -------
    Verify
        Also where files are bad, or the fingerprint is of another kind:
        those are named as problems, and not replayed.

    Raises
    ------
    UnknownExampleError
        If the folder has no such example.

    Examples
    --------
    >>> verify(example="errors").exit_code
    0
    """
    with ExitStack() as stack:
        try:
            folder = stored_folder() if folder is None else Path(folder)
            parts = [_Part.of(folder)]
            second = stack.enter_context(unpacked(folder))
            if second is not None:
                parts.append(_Part.of(second))
        except RecordingError as error:
            problem = Problem(error.file, error.fault)
            return _refused(str(folder or ""), "checked", problem)
        names = tuple(sorted({name for part in parts for name in part.names}))
        if example is not None and example not in names:
            raise UnknownExampleError(example, names)
        manifest = parts[0].manifest
        checked = "absent" if manifest is None else "checked"
        here = fingerprint.take_fingerprint()
        recorded = {} if manifest is None else manifest.fingerprint
        other = fingerprint.differing(recorded, here, fingerprint.KIND)
        if other and not other_fingerprint:
            fault = (
                f"recorded elsewhere: {', '.join(other)}; numbers cannot be "
                "equal to the bit. --other-fingerprint compares within "
                "tolerances"
            )
            problem = Problem(MANIFEST_NAME, fault)
            return _refused(str(folder), checked, problem)
        told = fingerprint.differing(recorded, here, fingerprint.VERSIONS)
        notes = [f"recorded with another version: {text}" for text in told]
        notes += [f"compared within tolerances: {text}" for text in other]
        options: dict[str, Any] = {
            "lookup": lookup,
            "loosened": LOOSENED if other else None,
            "n_workers": _N_WORKERS,
        }
        if calibrate:
            options["calibration"] = Calibration(recorded.get("package"))
            notes.insert(0, options["calibration"].source)
        run = _Run(fail_fast, progress, options)
        run.problems += [p for part in parts for p in part.problems(example)]
        with replaying():
            run.over(parts, example)
    return _with_exit_code(
        Verify(
            exit_codes.CLEAN,
            str(folder),
            checked,
            tuple(row for result in run.results if (row := result.row)),
            _versions(),
            run.stopped,
            tuple(notes),
            tuple(e for result in run.results for e in result.not_replayed),
            tuple(run.problems),
        )
    )


def _versions() -> dict[str, str]:
    found = {"jax": jax.__version__, "numpy": np.__version__}
    return {"python": platform.python_version(), **found}


def _refused(folder: str, manifest: Any, problem: Problem) -> Verify:
    return Verify(
        exit_codes.INCOMPLETE,
        folder,
        manifest,
        versions=_versions(),
        problems=(problem,),
    )


def _with_exit_code(found: Verify) -> Verify:
    code = exit_codes.CLEAN
    if found.problems or not any(row.tally.compared for row in found.rows):
        code = exit_codes.INCOMPLETE
    elif any(row.tally.different for row in found.rows):
        code = exit_codes.FINDINGS
    return replace(found, exit_code=code)


@dataclass(frozen=True)
class _Part:
    """A folder of recordings: all of them, or those of an archive."""

    folder: Path
    files: tuple[Path, ...]
    manifest: Manifest | None

    @classmethod
    def of(cls, folder: Path) -> "_Part":
        return cls(folder, find_recordings(folder), read_manifest(folder))

    @property
    def names(self) -> set[str]:
        listed = () if self.manifest is None else self.manifest.files
        names = {path.split("/")[-2] for path in listed if "/" in path}
        return names | {file.parent.name for file in self.files}

    def problems(self, example: str | None) -> Iterator[Problem]:
        if self.manifest is not None:
            for problem in check_files(self.folder, self.manifest):
                if example in (None, (self.folder / problem.file).parent.name):
                    yield problem

    def sound(
        self, example: str | None, problems: list[Problem]
    ) -> Iterator[Path]:
        """Return the recordings that are wanted and have no problem."""
        bad = {problem.file for problem in problems}
        for file in self.files:
            pair = (file, file.with_suffix(".npz"))
            names = {each.relative_to(self.folder).as_posix() for each in pair}
            if example in (None, file.parent.name) and not names & bad:
                yield file


class _Run:
    """One pass over the recordings, collecting results and problems."""

    def __init__(
        self,
        fail_fast: bool,
        progress: Progress | None,
        options: dict[str, Any],
    ):
        self.results: list[FileResult] = []
        self.problems: list[Problem] = []
        self.stopped = False
        self._fail_fast = fail_fast
        self._progress = progress
        self._options = options
        self._total = self._done = 0

    def over(self, parts: list[_Part], example: str | None) -> None:
        """Replay the recordings that have no problem, in order.

        The share that is done is told in bytes of json: known beforehand, and
        roughly in proportion to the work.
        """
        here: list[tuple[Path, Path]] = []
        elsewhere: list[tuple[Path, Processes]] = []
        with ExitStack() as stack:
            for part in parts:
                by_flags: dict[tuple[tuple[str, str], ...], list[Path]] = {}
                for file in part.sound(example, self.problems):
                    self._total += file.stat().st_size
                    flags = _flags(file, part.folder)
                    if flags is None:
                        here.append((file, part.folder))
                    else:
                        by_flags.setdefault(flags, []).append(file)
                processes = Processes(part.folder, by_flags)
                stack.enter_context(processes)
                elsewhere.append((part.folder, processes))
            for file, folder in here:
                if self._ends():
                    return
                result = replay_file(
                    file, folder, fail_fast=self._fail_fast, **self._options
                )
                self._add(result, file)
            n_here = len(self.results)
            for folder, processes in elsewhere:
                for result in processes.results():
                    if self._ends():
                        break
                    self._add(result, folder / result.file)
            self._ends()
        self.results[n_here:] = sorted(
            self.results[n_here:], key=lambda result: result.file
        )

    def _add(self, result: FileResult, file: Path) -> None:
        self.results.append(result)
        if result.problem is not None:
            self.problems.append(result.problem)
        self._done += file.stat().st_size
        if self._progress is not None:
            label = result.file.removesuffix(".json").replace("/", " ")
            self._progress(self._done / self._total, label)

    def _ends(self) -> bool:
        differ = (r.row and r.row.tally.different for r in self.results)
        self.stopped = self._fail_fast and (bool(self.problems) or any(differ))
        return self.stopped


def _flags(file: Path, folder: Path) -> tuple[tuple[str, str], ...] | None:
    try:
        flags = read_flags(file, folder)
    # Reading its cases says what is wrong with it.
    except RecordingError:
        return None
    return None if flags is None else tuple(sorted(flags.items()))
