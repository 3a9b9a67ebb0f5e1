"""Replaying recordings of format 2, each set of flags in its own process.

What a flag of JAX changes holds for a whole process, and some recordings need
one in which nothing else has run. All processes run beside one another, and
beside the one that has started them.
"""

import contextlib
import logging
import os
import pickle
import queue
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import jax

from tfmpe.migrate.errors import RecordingError, one_line
from tfmpe.migrate.recordings.manifest import Problem

from .report import CaseResult, NotReplayed, Row

__all__ = ["Apart", "FileResult", "replay_file", "replay_files"]

_PACKAGE = Path(__file__).resolve().parents[3]
_MAIN = f"import sys, {__name__} as apart; apart.replay_files(*sys.argv[1:])"


@dataclass(frozen=True)
class FileResult:
    """What replaying one recording gave, or why the recording was refused."""

    file: str
    row: Row | None = None
    not_replayed: tuple[NotReplayed, ...] = ()
    problem: Problem | None = None


class Apart:
    """Processes that replay recordings, from their start to their end.

    Parameters
    ----------
    folder
        The folder of all recordings.
    by_flags
        The recordings of each set of flags; the process that replays them
        has the flags as environment variables.

    Examples
    --------
    >>> with Apart(Path("recordings"), {}) as apart:
    ...     list(apart.results())
    []
    """

    def __init__(
        self,
        folder: Path,
        by_flags: Mapping[tuple[tuple[str, str], ...], Sequence[Path]],
    ):
        self._folder = folder
        self._by_flags = by_flags
        self._running: list[tuple[subprocess.Popen[bytes], Thread]] = []
        self._found: queue.Queue[FileResult | None] = queue.Queue()

    def __enter__(self) -> "Apart":
        """Start all processes."""
        for flags, files in self._by_flags.items():
            errors = tempfile.TemporaryFile("w+")
            process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-c", _MAIN),
                    str(self._folder),
                    *map(str, files),
                ],
                env=_environment(dict(flags)),
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            reader = Thread(target=self._read, args=(process, files, errors))
            self._running.append((process, reader))
            reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop what still runs."""
        for process, _ in self._running:
            process.kill()
        for _, reader in self._running:
            reader.join()

    def results(self) -> Iterator[FileResult]:
        """Return the result of every recording, as soon as there is one."""
        for _ in self._running:
            yield from iter(self._found.get, None)

    def _read(
        self,
        process: subprocess.Popen[bytes],
        files: Sequence[Path],
        errors: Any,
    ) -> None:
        missing = {file.relative_to(self._folder).as_posix() for file in files}
        with process, errors:
            for result in _results(process.stdout):
                missing.discard(result.file)
                self._found.put(result)
            status = process.wait()
            errors.seek(0)
            told = (errors.read().strip() or "no message").splitlines()[-1]
        for file in sorted(missing):
            fault = f"its process ended with exit code {status}: {told}"
            problem = Problem(file, one_line(fault, 300))
            self._found.put(FileResult(file, problem=problem))
        self._found.put(None)


def _results(stream: Any) -> Iterator[FileResult]:
    # What our own process wrote.
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(stream)


def _environment(flags: Mapping[str, str]) -> dict[str, str]:
    # The same tfmpe, wherever the process is started.
    places = [str(_PACKAGE), os.environ.get("PYTHONPATH", "")]
    return {
        # They were recorded on a CPU; pictures are not shown.
        "JAX_PLATFORMS": "cpu",
        **os.environ,
        **flags,
        "MPLBACKEND": "Agg",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
    }


def replay_file(file: Path, folder: Path) -> FileResult:
    """Replay one recording of format 2 in this process."""
    from tfmpe.migrate.recordings.scenarios import read_scenarios

    shown = file.relative_to(folder).as_posix()
    try:
        scenarios = read_scenarios(file, folder)
    except RecordingError as error:
        return FileResult(shown, problem=Problem(error.file, error.fault))
    try:
        from tfmpe.migrate.replay.scenarios import (
            MissingPackageError,
            replay_scenario,
        )
    except ImportError as error:
        reasons = Counter({one_line(str(error), 200): len(scenarios)})
        return FileResult(shown, None, _counted(file, scenarios, reasons))
    results: list[CaseResult] = []
    missing: Counter[str] = Counter()
    for scenario in scenarios:
        try:
            found = replay_scenario(scenario)
        except MissingPackageError as error:
            missing[str(error)] += 1
        else:
            results.append(CaseResult(scenario.name, found))
    row = None
    if results:
        row = Row(file.parent.name, scenarios[0].function, tuple(results))
    return FileResult(shown, row, _counted(file, scenarios, missing))


def _counted(
    file: Path, scenarios: Sequence[Any], reasons: Counter[str]
) -> tuple[NotReplayed, ...]:
    return tuple(
        NotReplayed(file.parent.name, scenarios[0].function, number, reason)
        for reason, number in reasons.items()
    )


def replay_files(folder: str, *files: str) -> None:
    """Replay recordings, and write each `FileResult` to standard output."""
    # Whatever else prints does not come between the results.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.disable(logging.WARNING)
    group = None
    for file in map(Path, files):
        # What was compiled for one group serves no other, and is large.
        if file.parent != group:
            jax.clear_caches()
            group = file.parent
        pickle.dump(replay_file(file, Path(folder)), results)
        results.flush()
