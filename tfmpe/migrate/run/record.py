"""A script on the legacy package, with its calls stored: `tfmpe record`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.recordings.nodes import Opaque
from tfmpe.migrate.recordings.write_folder import (
    MAX_BYTES,
    MAX_CALLS,
    Recorder,
)
from tfmpe.migrate.records.runs import Recorded, RecordedCalls
from tfmpe.migrate.replay.targets import REPLAYED
from tfmpe.migrate.replay.trees import abstracted, n_bytes

from .calls import Observed, Observer, Seen, case_of
from .notebook import lines_not_run
from .observe import Called, Watch
from .places import Site
from .program import Program, run_program
from .tolerances import BATCHES, NOT_COMPARED, READINGS, TRAINING, matching
from .twins import Twins
from .twins_state import by_number, has_weights

__all__ = ["keep", "record_run"]

_NO_FORMAT = "the format has no calls of it; run --shadow compares them"
_WHY = {
    **dict.fromkeys(TRAINING, "training; the calls that it makes are recorded"),
    **dict.fromkeys(BATCHES, "what it returns is used up by reading it"),
    **NOT_COMPARED,
}


def record_run(
    program: Program,
    folder: Path,
    *,
    legacy: str = LEGACY,
    max_calls: int = MAX_CALLS,
    max_bytes: int = MAX_BYTES,
    force: bool = False,
) -> Recorded:
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
    Recorded
        Its exit code is the script's if that failed; else 0, or 3 if nothing
        was recorded.

    Raises
    ------
    FileExistsError
        If the folder is there and not to be replaced; before the run.
    """
    if folder.exists() and not force:
        raise FileExistsError(folder)
    twins = Twins(legacy)
    recorder = Recorder(Path(program.name).stem, max_calls, max_bytes)
    not_recorded: dict[str, str] = {}

    def begin(entry: Called, site: Site) -> Seen | None:
        if entry.kind == "class":
            return lambda call: None
        if entry.name in REPLAYED:
            return lambda call: keep(recorder, call, twins)
        if entry.name.startswith(READINGS):
            return None
        not_recorded[entry.name] = matching(entry.name, _WHY) or _NO_FORMAT
        trains = matching(entry.name, TRAINING) is not None
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
    return Recorded(
        exit_code=code or (0 if recorder.n_cases else 3),
        script_exit_code=code,
        script=program.name,
        functions=tuple(
            RecordedCalls(
                function=name,
                cases=len(kept.records),
                repeated=kept.repeated,
                left_out=kept.left_out,
                opaque=tuple(kept.writer.opaque),
            )
            for name, kept in sorted(recorder.functions.items())
        ),
        not_recorded=not_recorded,
        fingerprint=fingerprint,
        not_run=lines_not_run(program.name),
    )


def keep(recorder: Recorder, call: Observed, twins: Twins) -> None:
    """Let a recorder keep an observed call."""
    held = list(call.state.values())
    size = n_bytes((call.args, call.kwargs, call.output, held))
    case = case_of(call, example=recorder.example)
    recorder.keep(_written_form(case, call, twins), size)


def _written_form(case: Case, call: Observed, twins: Twins) -> Case:
    """Return a case without tracers, and with what its object was."""
    if call.traced:
        names = ("args", "kwargs", "args_after", "kwargs_after", "output")
        changes = {name: abstracted(getattr(case, name)) for name in names}
        return replace(case, **changes)
    if call.instance is None:
        return case
    return replace(case, extra=_extra(call, twins))


def _extra(call: Observed, twins: Twins) -> dict[str, Any]:
    """Return the weights of the legacy network and the next key of a flow."""
    extra: dict[str, Any] = {
        "field": Opaque("a vector field of the script's own")
    }
    assert call.instance is not None
    whole = [known for known, _, _ in twins.whole(call.instance)]
    if any(known.kind == "Transformer" for known in whole):
        weights = {
            path.removeprefix("vf_model/"): leaf
            for (_, path), leaf in call.state.items()
            if has_weights(path)
        }
        extra = {"params": weights}
    flows = [known for known in whole if known.kind == "StructuredCNF"]
    for known, _, _ in twins.whole(flows[0]) if flows else ():
        if known.kind == "Rngs":
            held = by_number(call.state)[known.number]
            for stream in ("base_dist", "default"):
                if f"{stream}/key" in held:
                    key = jax.random.fold_in(
                        held[f"{stream}/key"], held[f"{stream}/count"]
                    )
                    return extra | {"base_key_data": jax.random.key_data(key)}
            break
    return extra
