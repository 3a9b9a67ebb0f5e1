"""Replay of stored legacy output, and a report of all differences."""

import itertools
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
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
from tfmpe.migrate.recordings.read import Head, read_head
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.records.checks import NotReplayed, Problem, Verify
from tfmpe.migrate.replay.silence import replaying
from tfmpe.migrate.replay.targets import LOOSENED, Lookup, bridge

from .choice import LEFT_OUT, choose
from .one_file import FileResult, replay_file
from .processes import Flags, Part, replayed_apart

Progress = Callable[[float, str], None]
"""Callback with the completed share, from 0 to 1, and a label."""

_ELSEWHERE = (
    "numbers cannot be bit-identical. --other-fingerprint compares within "
    "tolerances"
)
_N_WORKERS = min(os.cpu_count() or 1, 4)


class UnknownExampleError(ValueError):
    """The stored output has no such example."""


def verify(
    folder: Path | str | None = None,
    *,
    example: str | None = None,
    progress: Progress | None = None,
    lookup: Lookup = bridge,
    other_fingerprint: bool = False,
    quick: bool = False,
) -> Verify:
    """Replay stored legacy output and compare all results.

    The default folder is the one shipped with the package. Invalid files and
    recordings that differ in `fingerprint.KIND` are reported, not replayed.
    With `other_fingerprint`, exact comparisons are relaxed to `LOOSENED`. With
    `quick`, only some calls of the slow functions are replayed (see `choose`).
    """
    with ExitStack() as stack:
        try:
            folder = stored_folder() if folder is None else Path(folder)
            folders = filter(
                None, (folder, stack.enter_context(unpacked(folder)))
            )
            parts = [
                _Part(each, find_recordings(each), read_manifest(each))
                for each in folders
            ]
        except RecordingError as error:
            problem = Problem(error.file, error.fault)
            return _found(folder or "", Manifest({}), problems=(problem,))
        names = sorted({name for part in parts for name in part.names()})
        if example is not None and example not in names:
            known = ", ".join(names) or "none"
            raise UnknownExampleError(
                f"unknown example {example!r}; the stored output has: {known}"
            )
        manifest = parts[0].manifest
        current = fingerprint.take_fingerprint()
        recorded = {} if manifest is None else manifest.fingerprint
        other = fingerprint.differing(recorded, current, fingerprint.KIND)
        if other and not other_fingerprint:
            fault = f"recorded elsewhere: {', '.join(other)}; {_ELSEWHERE}"
            problem = Problem(MANIFEST_NAME, fault)
            return _found(folder, manifest, problems=(problem,))
        told = fingerprint.differing(recorded, current, fingerprint.VERSIONS)
        notes = [f"recorded with another version: {text}" for text in told]
        notes += [f"compared within tolerances: {text}" for text in other]
        problems = [p for part in parts for p in part.problems(example)]
        bad = {problem.file for problem in problems}
        sound = [(part.folder, part.sound(example, bad)) for part in parts]
        options = {"lookup": lookup, "n_workers": _N_WORKERS}
        options["loosened"] = LOOSENED if other else None
        with replaying():
            here = partial(replay_file, **options)
            results = _replayed(sound, here, progress, quick)
    problems += [r.problem for r in results if r.problem is not None]
    return _found(
        folder,
        manifest,
        rows=tuple(r.row for r in results if r.row is not None),
        notes=tuple(notes),
        not_replayed=tuple(x for each in results for x in each.not_replayed),
        problems=tuple(problems),
    )


def _found(
    folder: Path | str, manifest: Manifest | None, **parts: Any
) -> Verify:
    versions = {"jax": jax.__version__, "numpy": np.__version__}
    found = Verify(
        exit_codes.CLEAN,
        str(folder),
        "absent" if manifest is None else "checked",
        versions={"python": platform.python_version(), **versions},
        **parts,
    )
    if found.problems or not any(row.tally.compared for row in found.rows):
        return replace(found, exit_code=exit_codes.INCOMPLETE)
    if any(row.tally.different for row in found.rows):
        return replace(found, exit_code=exit_codes.FINDINGS)
    return found


@dataclass(frozen=True)
class _Part:
    """Recordings of a folder, or of the archive in it."""

    folder: Path
    files: tuple[Path, ...]
    manifest: Manifest | None

    def names(self) -> set[str]:
        listed = () if self.manifest is None else self.manifest.files
        names = {path.split("/")[-2] for path in listed if "/" in path}
        return names | {file.parent.name for file in self.files}

    def problems(self, example: str | None) -> Iterator[Problem]:
        if self.manifest is not None:
            for problem in check_files(self.folder, self.manifest):
                if example in (None, (self.folder / problem.file).parent.name):
                    yield problem

    def sound(self, example: str | None, bad: set[str]) -> list[Path]:
        """Return the requested recordings that have no problem."""
        faulty = {(self.folder / file).with_suffix(".json") for file in bad}
        wanted = [f for f in self.files if example in (None, f.parent.name)]
        return [file for file in wanted if file not in faulty]


def _replayed(
    parts: Sequence[tuple[Path, Sequence[Path]]],
    replay_here: Callable[..., FileResult],
    progress: Progress | None,
    quick: bool,
) -> list[FileResult]:
    """Replay recordings, those of format 2 in separate processes."""
    heads: dict[Path, Head] = {}
    for folder, files in parts:
        for file in files:
            # The error is reported when the cases are read.
            with suppress(RecordingError):
                heads[file] = read_head(file, folder)
    chosen = choose(heads) if quick else {}
    first: list[FileResult] = []
    here: list[tuple[Any, ...]] = []
    elsewhere: list[Iterator[FileResult]] = []
    apart: list[tuple[Any, ...]] = []
    with ExitStack() as stack:
        for folder, files in parts:
            by_flags: dict[Flags, list[Part]] = {}
            for file in files:
                head, names = heads.get(file), chosen.get(file)
                if head is not None and names == []:
                    of_file = file.parent.name, head.function, len(head.names)
                    left = (NotReplayed(*of_file, LEFT_OUT),)
                    first.append(FileResult(str(file), not_replayed=left))
                elif head is None or head.flags is None:
                    here.append((file, folder, names))
                else:
                    flags = tuple(sorted(head.flags.items()))
                    by_flags.setdefault(flags, []).append((file, names))
            running = replayed_apart(folder, by_flags)
            elsewhere.append(stack.enter_context(running))
            for file, names in itertools.chain(*by_flags.values()):
                apart.append((file, folder, names))
        waiting = [f.relative_to(at).as_posix() for f, at, _ in here + apart]
        total = len(waiting)

        def told(result: FileResult) -> FileResult:
            waiting.remove(result.file)
            if progress is not None:
                # The first of those that are replayed at the same time.
                label = waiting[0] if waiting else "finished"
                progress(1 - len(waiting) / total, label)
            return result

        if progress is not None and waiting:
            progress(0.0, f"compiling {waiting[0]}")
        first += [told(replay_here(*each)) for each in here]
        second = [told(result) for results in elsewhere for result in results]
    return first + sorted(second, key=lambda result: result.file)
