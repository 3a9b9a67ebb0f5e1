"""Replay of format 2 in separate processes, one for each set of flags.

A flag of JAX applies to a whole process, and some recordings need a process in
which nothing else has run. All processes run concurrently.
"""

import logging
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import jax
import msgspec

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.records.checks import Problem

from .one_file import FileResult, replay_file

Flags = tuple[tuple[str, str], ...]
"""Environment variables and their values."""
Part = tuple[Path, Collection[str] | None]  # a file, its chosen cases

_PACKAGE = Path(__file__).resolve().parents[3]
_MAIN = f"import sys, {__name__} as here; here.replay_files(*sys.argv[1:])"


@contextmanager
def replayed_apart(
    folder: Path, by_flags: Mapping[Flags, Sequence[Part]]
) -> Iterator[Iterator[FileResult]]:
    """Start a process per set of flags; yield results as they arrive."""
    found: queue.Queue[FileResult | None] = queue.Queue()
    running: list[tuple[subprocess.Popen[bytes], Thread]] = []
    try:
        for flags, files in by_flags.items():
            errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - by reader
            parts = [
                msgspec.json.encode((str(file), chosen)).decode()
                for file, chosen in files
            ]
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, str(folder), *parts],
                env=_environment(dict(flags)),
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            names = {file.relative_to(folder).as_posix() for file, _ in files}
            reader = Thread(target=_read, args=(process, names, errors, found))
            running.append((process, reader))
            reader.start()
        yield (result for _ in running for result in iter(found.get, None))
    finally:
        for process, _ in running:
            process.kill()
        for _, reader in running:
            reader.join()


def _read(
    process: Any, missing: set[str], errors: Any, found: queue.Queue[Any]
) -> None:
    with process, errors:
        for line in process.stdout:
            result = msgspec.json.decode(line, type=FileResult)
            missing.discard(result.file)
            found.put(result)
        status = process.wait()
        errors.seek(0)
        told = (errors.read().strip() or "no message").splitlines()[-1]
    for file in sorted(missing):
        fault = f"its process ended with exit code {status}: {told}"
        problem = Problem(file, one_line(fault, 300))
        found.put(FileResult(file, problem=problem))
    found.put(None)


def _environment(flags: Mapping[str, str]) -> dict[str, str]:
    # The same tfmpe, whatever the working directory.
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


def replay_files(folder: str, *parts: str) -> None:
    """Replay recordings, and print a line of JSON for each."""
    # Other output must not mix with the results.
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.disable(logging.WARNING)
    group = None
    for part in parts:
        name, chosen = msgspec.json.decode(part)
        file = Path(name)
        # Programs of one group are large, and few are reused by another.
        if chosen is None and file.parent != group:
            jax.clear_caches()
            group = file.parent
        found = replay_file(file, Path(folder), chosen)
        results.write(msgspec.json.encode(found) + b"\n")
        results.flush()
