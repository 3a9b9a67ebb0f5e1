"""`tfmpe record`: run of a script on the legacy package, storing its calls."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.recordings.nodes import Opaque
from tfmpe.migrate.recordings.write_folder import MAX_CALLS, Recorder
from tfmpe.migrate.records.runs import Recorded, RecordedCalls
from tfmpe.migrate.replay.targets import REPLAYED
from tfmpe.migrate.replay.trees import abstracted, n_bytes

from .calls import VIEWED, Observed, Observer, Seen
from .notebook import lines_not_run
from .observe import Called, Site
from .program import Program, run_program
from .tolerances import NOT_COMPARED, TRAINING, matching
from .twins_state import Pair, has_weights

_NO_FORMAT = "not supported by the format; run --shadow compares its calls"
_TRAINS = "training; only its inner calls are recorded"


def record_run(
    program: Program,
    folder: Path,
    *,
    legacy: str = LEGACY,
    max_calls: int = MAX_CALLS,
    force: bool = False,
) -> Recorded:
    """Run a script on the legacy package and record its outermost calls.

    The folder is written atomically, and only if there were calls. If it
    exists, FileExistsError is raised before the run, unless `force`.
    """
    if folder.exists() and not force:
        raise FileExistsError(folder)
    recorder = Recorder(Path(program.name).stem, max_calls)
    watch = _Recording(legacy, recorder)
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
                name,
                len(k.records),
                k.repeated,
                k.left_out,
                (*k.writer.opaque,),
            )
            for name, k in sorted(recorder.functions.items())
        ),
        not_recorded=watch.not_recorded,
        fingerprint=fingerprint,
        not_run=lines_not_run(program.name),
    )


class _Recording(Observer):
    """Stores calls that the format supports, and notes the others."""

    def __init__(self, legacy: str, recorder: Recorder):
        super().__init__(legacy)
        self._recorder = recorder
        self.not_recorded: dict[str, str] = {}

    def begin(self, entry: Called, site: Site) -> Seen | None:
        if entry.kind == "class":
            return lambda call: None
        if entry.name in REPLAYED:
            return lambda call: keep(self._recorder, call)
        trains = matching(entry.name, TRAINING) is not None
        why = _TRAINS if trains else matching(entry.name, NOT_COMPARED)
        self.not_recorded[entry.name] = why or _NO_FORMAT
        return None if trains else lambda call: None

    def failed(self, site: Site, error: Exception) -> None:
        name = site.function.removeprefix(f"{LEGACY}.")
        why = one_line(f"recording failed: {error!r}", 200)
        self.not_recorded[name] = why


def keep(recorder: Recorder, call: Observed) -> None:
    """Store an observed call."""
    held = list(call.state.values())
    case = replace(call.case, example=recorder.example)
    size = n_bytes((case.args, case.kwargs, case.output, held))
    if case.traced:
        changes = {name: abstracted(getattr(case, name)) for name in VIEWED}
        case = replace(case, **changes)
    elif call.instance is not None:
        case = replace(case, extra=_extra(call, call.instance))
    recorder.keep(case, size)


def _extra(call: Observed, instance: Pair) -> dict[str, Any]:
    """Return the weights of the legacy network and the next key of a flow."""
    extra: dict[str, Any] = {
        "field": Opaque("a vector field defined by the script")
    }
    whole = instance.whole()
    if any(pair.kind == "Transformer" for pair in whole):
        weights = {
            path.removeprefix("vf_model/"): leaf
            for held in call.state.values()
            for path, leaf in held.items()
            if has_weights(path)
        }
        extra = {"params": weights}
    flows = [pair for pair in whole if pair.kind == "StructuredCNF"]
    rngs = [p for flow in flows for p in flow.whole() if p.kind == "Rngs"]
    held = call.state[rngs[0]] if rngs else {}
    for stream in ("base_dist", "default"):
        if f"{stream}/key" in held:
            key = jax.random.fold_in(
                held[f"{stream}/key"], held[f"{stream}/count"]
            )
            return extra | {"base_key_data": jax.random.key_data(key)}
    return extra
