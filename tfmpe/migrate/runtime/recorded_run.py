"""A script on the legacy package, with every call written down."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.recordings.fingerprint import take_fingerprint

from .call_sites import Site
from .notebook import NotRun, lines_not_run
from .observing import Observer, Seen
from .program import Program, run_program
from .recording import MAX_BYTES, MAX_CALLS, Recorder
from .tolerances import (
    BATCHES,
    NOT_COMPARED,
    READINGS,
    TRAINING,
    is_recorded,
    matching,
)
from .twins import Twins
from .watching import Called, Watch

__all__ = ["RecordReport", "record_run"]


_NO_FORMAT = "the format has no calls of it; run --shadow compares them"
_WHY = {
    **dict.fromkeys(TRAINING, "training; the calls that it makes are recorded"),
    **dict.fromkeys(BATCHES, "what it returns is used up by reading it"),
    **NOT_COMPARED,
}


@dataclass(frozen=True)
class RecordReport:
    """What was recorded of a script, and what was not.

    Parameters
    ----------
    script
        The script, or the module.
    script_exit_code
        Its own.
    cases
        By function: calls kept, calls with inputs that are kept already,
        calls left out by a limit.
    opaque
        By function: values that could not be recorded.
    not_recorded
        Functions that were called and cannot be recorded, and why.
    fingerprint
        As in the manifest.
    not_run
        Lines of a notebook that were left out.
    """

    script: str
    script_exit_code: int
    cases: dict[str, tuple[int, int, int]]
    opaque: dict[str, tuple[str, ...]]
    not_recorded: dict[str, str]
    fingerprint: dict[str, Any]
    not_run: tuple[NotRun, ...] = ()

    @property
    def n_cases(self) -> int:
        """How many calls are kept."""
        return sum(kept for kept, _, _ in self.cases.values())

    @property
    def exit_code(self) -> int:
        """The script's if it failed; else 0, or 3 if nothing was recorded."""
        return self.script_exit_code or (0 if self.n_cases else 3)

    def to_json(self) -> str:
        """Return the report as json, indented."""
        content = {
            "format": 1,
            "tool": "record",
            "script": self.script,
            "exit_code": self.exit_code,
            "functions": {
                name: {"cases": kept, "repeated": again, "left_out": left}
                for name, (kept, again, left) in self.cases.items()
            },
            "opaque": {name: list(what) for name, what in self.opaque.items()},
            "not_recorded": self.not_recorded,
            "fingerprint": self.fingerprint,
            "not_run": [line._asdict() for line in self.not_run],
        }
        return json.dumps(content, indent=2) + "\n"


def record_run(
    program: Program,
    folder: Path,
    *,
    legacy: str = LEGACY,
    max_calls: int = MAX_CALLS,
    max_bytes: int = MAX_BYTES,
    force: bool = False,
) -> RecordReport:
    """Run a script on the legacy package and record its outermost calls.

    Parameters
    ----------
    program
        The script, as it is.
    folder
        Where the recordings go, as a whole or not at all. Nothing is written
        if nothing was called.
    legacy
        The legacy package, which must be installed.
    max_calls, max_bytes
        Limits, see `Recorder`.
    force
        Whether a folder that is there is replaced.

    Returns
    -------
    RecordReport

    Raises
    ------
    FileExistsError
        If the folder is there and not to be replaced; before the run.
    """
    if folder.exists() and not force:
        raise FileExistsError(folder)
    twins = Twins(legacy)
    recorder = Recorder(Path(program.name).stem, twins, max_calls, max_bytes)
    not_recorded: dict[str, str] = {}

    def begin(entry: Called, *_: Any) -> Seen | None:
        if entry.kind == "class":
            return lambda call: None
        if is_recorded(entry):
            return recorder.seen
        if entry.name.startswith(READINGS):
            return None
        not_recorded[entry.name] = matching(entry, _WHY) or _NO_FORMAT
        trains = matching(entry, TRAINING) is not None
        return None if trains else lambda call: None

    def failed(site: Site, error: Exception) -> None:
        name = site.function.removeprefix(f"{LEGACY}.")
        not_recorded[name] = one_line(f"recording failed: {error!r}", 200)

    watch = Watch(legacy, lambda *given: observer(*given))
    observer = Observer(twins, watch.paused, begin, failed)
    with watch.watching():
        code = run_program(program)
        fingerprint = take_fingerprint(legacy)
    if recorder.n_cases:
        recorder.write(folder, fingerprint, force=force)
    return RecordReport(
        program.name,
        code,
        recorder.counts,
        recorder.opaque,
        not_recorded,
        fingerprint,
        lines_not_run(program.name),
    )
