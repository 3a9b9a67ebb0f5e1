"""Replaying recordings of format 2, each set of flags in its own process.

What a flag of JAX changes holds for a whole process, and some recordings need
one in which nothing else has run. All processes run beside one another, and
beside the one that has started them.
"""

import logging
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import jax
import msgspec

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.records.checks import Problem

from .one_file import FileResult, replay_file

__all__ = ["Processes", "replay_files"]

_PACKAGE = Path(__file__).resolve().parents[3]
_MAIN = f"import sys, {__name__} as here; here.replay_files(*sys.argv[1:])"


class Processes:
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
    >>> with Processes(Path("recordings"), {}) as processes:
    ...     list(processes.results())
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

    def __enter__(self) -> "Processes":
        """Start all processes."""
        for flags, files in self._by_flags.items():
            errors = tempfile.TemporaryFile("w+")
            paths = [str(self._folder), *map(str, files)]
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, *paths],
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

    def _read(self, process: Any, files: Sequence[Path], errors: Any) -> None:
        missing = {file.relative_to(self._folder).as_posix() for file in files}
        with process, errors:
            for line in process.stdout:
                result = msgspec.json.decode(line, type=FileResult)
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


def replay_files(folder: str, *files: str) -> None:
    """Replay recordings, and write a line of JSON for each to stdout."""
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
        found = replay_file(file, Path(folder))
        results.write(msgspec.json.encode(found) + b"\n")
        results.flush()
