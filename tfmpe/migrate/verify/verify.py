"""Replaying stored legacy output and reporting what is not the same."""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings import fingerprint
from tfmpe.migrate.recordings.manifest import (
    Manifest,
    Problem,
    check_files,
    read_manifest,
)
from tfmpe.migrate.recordings.nested import read_cases
from tfmpe.migrate.recordings.read import MANIFEST_NAME, Case, find_recordings
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.replay.comparison import Tolerance
from tfmpe.migrate.replay.replay import replay, why_not
from tfmpe.migrate.replay.silence import replaying
from tfmpe.migrate.replay.targets import Lookup, bridge

from .calibration import Calibration, cases_to_measure
from .errors import UnknownExampleError
from .report import CaseResult, NotReplayed, Report, Row

__all__ = ["LOOSENED", "Progress", "verify"]

LOOSENED = Tolerance(1e-6, 1e-5, "another device or precision")
"""For functions that are exact where the fingerprint is the recorded one."""

_N_WORKERS = min(os.cpu_count() or 1, 4)

# Its share of the time, where the noise floor is measured as well.
_REPLAYING = 0.4

Progress = Callable[[float, str], None]
"""Told the share that is done, from 0 to 1, and what is being done."""


def verify(
    folder: Path | str | None = None,
    *,
    example: str | None = None,
    fail_fast: bool = False,
    progress: Progress | None = None,
    lookup: Lookup = bridge,
    other_fingerprint: bool = False,
    calibrate: bool = False,
) -> Report:
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
        Called after every case.
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
    Report
        Also where files are bad, or the fingerprint is of another kind:
        those are named as problems, and not replayed.

    Raises
    ------
    UnknownExampleError
        If the folder has no such example.

    Examples
    --------
    >>> report = verify(example="errors")
    >>> report.exit_code
    0
    """
    try:
        folder = stored_folder() if folder is None else Path(folder)
        files = find_recordings(folder)
        manifest = read_manifest(folder)
    except RecordingError as error:
        problem = Problem(error.file, error.fault)
        return Report(str(folder or ""), problems=(problem,))
    names = _examples(files, manifest)
    if example is not None and example not in names:
        raise UnknownExampleError(example, names)

    def wanted(path: Path) -> bool:
        return example is None or path.parent.name == example

    here = fingerprint.take_fingerprint()
    recorded = {} if manifest is None else manifest.fingerprint
    other = fingerprint.differing(recorded, here, fingerprint.KIND)
    if other and not other_fingerprint:
        fault = (
            f"recorded elsewhere: {', '.join(other)}; numbers cannot be equal "
            "to the bit. --other-fingerprint compares within tolerances"
        )
        problem = Problem(MANIFEST_NAME, fault)
        return Report(str(folder), problems=(problem,))
    told = fingerprint.differing(recorded, here, fingerprint.VERSIONS)
    run = _Run(folder, fail_fast, progress, lookup, LOOSENED if other else None)
    if calibrate:
        run.calibration = Calibration(recorded.get("package"))
    if manifest is not None:
        run.problems = [
            problem
            for problem in check_files(folder, manifest)
            if wanted(folder / problem.file)
        ]
    with replaying():
        run.over([file for file in files if wanted(file)])
        run.calibrate()
    return Report(
        str(folder),
        tuple(run.rows),
        tuple(run.not_replayed),
        tuple(run.problems),
        "absent" if manifest is None else "checked",
        run.stopped,
        notes=((run.calibration.source,) if run.calibration else ())
        + tuple(f"recorded with another version: {t}" for t in told)
        + tuple(f"compared within tolerances: {text}" for text in other),
    )


def _examples(
    files: tuple[Path, ...], manifest: Manifest | None
) -> tuple[str, ...]:
    names = {file.parent.name for file in files}
    if manifest is not None:
        names |= {path.split("/")[-2] for path in manifest.files if "/" in path}
    return tuple(sorted(names))


class _Run:
    """One pass over the recordings, collecting rows and problems."""

    def __init__(
        self,
        folder: Path,
        fail_fast: bool,
        progress: Progress | None,
        lookup: Lookup,
        loosened: Tolerance | None,
    ):
        self.folder = folder
        self.calibration: Calibration | None = None
        self.rows: list[Row] = []
        self.not_replayed: list[NotReplayed] = []
        self.problems: list[Problem] = []
        self.stopped = False
        self._to_measure: list[tuple[Case, ...]] = []
        self._fail_fast = fail_fast
        self._progress = progress
        self._lookup = lookup
        self._loosened = loosened

    def over(self, files: list[Path]) -> None:
        """Replay the files that have no problem, in order."""
        # The share that is done is told in bytes of json: known beforehand,
        # and roughly in proportion to the work.
        total = sum(file.stat().st_size for file in files) or 1
        done = 0
        for file in files:
            self.stopped = self._fail_fast and self._failed()
            if self.stopped:
                return
            size = file.stat().st_size
            self._one(file, done / total, size / total)
            done += size
        self.stopped = self.stopped or (self._fail_fast and self._failed())

    def _failed(self) -> bool:
        return bool(self.problems) or any(row.different for row in self.rows)

    def _one(self, file: Path, start: float, share: float) -> None:
        listed = {problem.file for problem in self.problems}
        parts = {
            part.relative_to(self.folder).as_posix()
            for part in (file, file.with_suffix(".npz"))
        }
        if parts & listed:
            return
        try:
            cases = read_cases(file, self.folder)
        except RecordingError as error:
            self.problems.append(Problem(error.file, error.fault))
            return
        self._replay(cases, start, share)

    def _replay(
        self, cases: tuple[Case, ...], start: float, share: float
    ) -> None:
        reasons = [why_not(case) for case in cases]
        for reason, number in Counter(filter(None, reasons)).items():
            self.not_replayed.append(
                NotReplayed(cases[0].example, cases[0].function, number, reason)
            )
        replayed = [
            case
            for case, reason in zip(cases, reasons, strict=True)
            if reason is None
        ]
        results = []
        # Most of the time the compiler is at work, which leaves Python free.
        with ThreadPoolExecutor(_N_WORKERS) as pool:
            calls = [
                pool.submit(replay, case, self._lookup, self._loosened)
                for case in replayed
            ]
            for number, (case, call) in enumerate(
                zip(replayed, calls, strict=True), 1
            ):
                comparison = call.result()
                results.append(CaseResult(case.name, comparison))
                if self._progress is not None:
                    label = f"{case.example} {case.function}"
                    done = start + share * number / len(replayed)
                    if self.calibration is not None:
                        done *= _REPLAYING
                    self._progress(done, label)
                if self._fail_fast and not (
                    comparison.identical or comparison.within_tolerance
                ):
                    pool.shutdown(cancel_futures=True)
                    break
        if results:
            first = replayed[0]
            row = Row(first.example, first.function, tuple(results))
            self.rows.append(row)
            if self.calibration is not None:
                self._to_measure.append(cases_to_measure(row, replayed))

    def calibrate(self) -> None:
        """Put the noise floor into every row, where one is asked for."""
        if self.calibration is None:
            return

        def told(done: int) -> None:
            row = self.rows[done - 1]
            if self._progress is not None:
                label = f"noise of {row.example} {row.function}"
                share = _REPLAYING + (1 - _REPLAYING) * done / len(self.rows)
                self._progress(share, label)

        self.rows = [
            replace(row, noise_floor=floor)
            for row, floor in zip(
                self.rows,
                self.calibration.floors(self._to_measure, told),
                strict=True,
            )
        ]
