"""Replaying stored legacy output and reporting what is not the same."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
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
from tfmpe.migrate.recordings.scenarios import read_flags
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.replay.comparison import Tolerance
from tfmpe.migrate.replay.replay import replay, why_not
from tfmpe.migrate.replay.silence import replaying
from tfmpe.migrate.replay.targets import Lookup, bridge

from .apart import Apart
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
    with ExitStack() as stack:
        try:
            folder = stored_folder() if folder is None else Path(folder)
            parts = [_read_part(folder)]
            second = stack.enter_context(unpacked(folder))
            if second is not None:
                parts.append(_read_part(second))
        except RecordingError as error:
            problem = Problem(error.file, error.fault)
            return Report(str(folder or ""), problems=(problem,))
        names = tuple(sorted({name for part in parts for name in part.names}))
        if example is not None and example not in names:
            raise UnknownExampleError(example, names)

        manifest = parts[0].manifest
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
            return Report(str(folder), problems=(problem,))
        told = fingerprint.differing(recorded, here, fingerprint.VERSIONS)
        run = _Run(fail_fast, progress, lookup, LOOSENED if other else None)
        if calibrate:
            run.calibration = Calibration(recorded.get("package"))
        run.problems = [
            problem for part in parts for problem in part.problems(example)
        ]
        with replaying():
            run.over(parts, example)
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


@dataclass(frozen=True)
class _Part:
    """A folder of recordings: all of them, or those of an archive."""

    folder: Path
    files: tuple[Path, ...]
    manifest: Manifest | None

    @property
    def names(self) -> tuple[str, ...]:
        return _examples(self.files, self.manifest)

    def problems(self, example: str | None) -> list[Problem]:
        if self.manifest is None:
            return []
        return [
            problem
            for problem in check_files(self.folder, self.manifest)
            if _wanted(self.folder / problem.file, example)
        ]

    def sound(
        self, example: str | None, problems: list[Problem]
    ) -> Iterator[Path]:
        """Return the recordings that are wanted and have no problem."""
        bad = {problem.file for problem in problems}
        for file in self.files:
            names = {
                part.relative_to(self.folder).as_posix()
                for part in (file, file.with_suffix(".npz"))
            }
            if _wanted(file, example) and not names & bad:
                yield file


def _read_part(folder: Path) -> _Part:
    return _Part(folder, find_recordings(folder), read_manifest(folder))


def _wanted(path: Path, example: str | None) -> bool:
    return example is None or path.parent.name == example


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
        fail_fast: bool,
        progress: Progress | None,
        lookup: Lookup,
        loosened: Tolerance | None,
    ):
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
        self._total = 0
        self._done = 0

    def over(self, parts: list[_Part], example: str | None) -> None:
        """Replay the recordings that have no problem, in order."""
        here: list[tuple[Path, Path]] = []
        with ExitStack() as stack:
            running: list[tuple[_Part, Apart]] = []
            for part in parts:
                by_flags: dict[tuple[tuple[str, str], ...], list[Path]] = {}
                for file in part.sound(example, self.problems):
                    flags = self._flags(file, part.folder)
                    if flags is None:
                        here.append((file, part.folder))
                    else:
                        key = tuple(sorted(flags.items()))
                        by_flags.setdefault(key, []).append(file)
                if by_flags:
                    apart = Apart(part.folder, by_flags)
                    running.append((part, stack.enter_context(apart)))
                    self._total += sum(
                        file.stat().st_size
                        for files in by_flags.values()
                        for file in files
                    )
            self._total += sum(file.stat().st_size for file, _ in here)
            for file, folder in here:
                if self._ends():
                    return
                self._one(file, folder)
            for part, apart in running:
                self._collect(part, apart)

    @property
    def _share(self) -> float:
        return 1.0 if self.calibration is None else _REPLAYING

    def _flags(self, file: Path, folder: Path) -> dict[str, str] | None:
        try:
            return read_flags(file, folder)
        # Reading it as format 1 says what is wrong with it.
        except RecordingError:
            return None

    def _ends(self) -> bool:
        self.stopped = self._fail_fast and (
            bool(self.problems) or any(row.different for row in self.rows)
        )
        return self.stopped

    def _one(self, file: Path, folder: Path) -> None:
        size = file.stat().st_size
        try:
            cases = read_cases(file, folder)
        except RecordingError as error:
            self.problems.append(Problem(error.file, error.fault))
        else:
            # The share that is done is told in bytes of json: known
            # beforehand, and roughly in proportion to the work.
            self._replay(cases, self._done / self._total, size / self._total)
        self._done += size
        self._ends()

    def _collect(self, part: _Part, apart: Apart) -> None:
        """Take over what other processes find, in the order of the files."""
        rows: list[Row] = []
        for result in apart.results():
            if result.problem is not None:
                self.problems.append(result.problem)
            self.not_replayed += result.not_replayed
            if result.row is not None:
                rows.append(result.row)
            self._done += (part.folder / result.file).stat().st_size
            if self._progress is not None:
                label = result.file.removesuffix(".json").replace("/", " ")
                share = self._done / self._total
                self._progress(share * self._share, label)
            self.stopped = self._fail_fast and any(r.different for r in rows)
            if self.stopped:
                break
        self.rows += sorted(rows, key=lambda row: (row.example, row.function))
        self.not_replayed.sort(key=lambda entry: entry.example)
        self._to_measure += [()] * len(rows)

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
                    self._progress(done * self._share, label)
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
