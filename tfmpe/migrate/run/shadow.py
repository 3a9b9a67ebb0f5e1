"""Script run on the legacy package, with every call repeated on the bridge."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jax
from msgspec import structs

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.recordings.write_folder import Recorder
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.records.runs import (
    ComparedCalls,
    FoundDifference,
    Left,
    Shadow,
)
from tfmpe.migrate.replay.compare import Comparison
from tfmpe.migrate.replay.targets import REPLAYED
from tfmpe.migrate.replay.trees import fill, has_tracer, take_apart

from .again import Again, compare_again, masks_at
from .calls import VIEWED, Observed, Observer, Seen
from .capture import restored, send
from .count import counting_warnings, listed
from .layers import first_layer
from .notebook import lines_not_run
from .observe import Called, Site
from .program import Program, run_program
from .record import keep
from .tolerances import NOT_COMPARED, TRAINING, matching
from .twins_state import NoTwinError

# Largest number of compared executions per line of traced calls.
_MAX_CAPTURES = 20
_MAX_DIFFERENCES = 50
_NO_TRAINING = (
    "training: skipped by --no-training; only its inner calls are compared"
)


def run_in_shadow(
    program: Program,
    *,
    legacy: str = LEGACY,
    save_cases: Path | None = None,
    training: bool = True,
) -> Shadow:
    """Run a script on the legacy package, and repeat calls on the bridge.

    The script uses the legacy results. Calls that differ are stored in the new
    folder `save_cases`, if given. Training is repeated only if `training`.
    """
    recorder = Recorder(Path(program.name).stem)
    shadow = _Shadow(legacy, training, recorder)
    with counting_warnings() as warned, shadow.watching():
        code = run_program(program)
        with shadow.paused():
            shadow.compare_captured()
        fingerprint = take_fingerprint(legacy)
    if save_cases is not None and recorder.n_cases:
        recorder.write(save_cases, fingerprint)
    compared = tuple(shadow.rows[key] for key in sorted(shadow.rows))
    tally = sum((row.tally for row in compared), Tally())
    ends_in = 3 if not tally.compared else int(tally.different > 0)
    return Shadow(
        exit_code=code or ends_in,
        script=program.name,
        script_exit_code=code,
        calls=compared,
        fingerprint=fingerprint,
        differences=tuple(shadow.differences),
        warnings=listed(warned),
        not_run=lines_not_run(program.name),
        not_compared=tuple(shadow.reasons),
        saved=None if save_cases is None else recorder.n_cases,
    )


_Key = tuple[str, Place, Literal["eager", "traced"]]


def _key(known: Observed) -> _Key:
    function, place = known.site
    return function, place, "traced" if known.case.traced else "eager"


class _Shadow(Observer):
    """Repeats calls and collects differences."""

    def __init__(self, legacy: str, training: bool, recorder: Recorder):
        super().__init__(legacy)
        self._training = training
        self._recorder = recorder
        self.rows: dict[_Key, ComparedCalls] = {}
        self._n_differences: Counter[Site] = Counter()
        self._layers: dict[Site, str | None] = {}
        self._captured: dict[Site, list[Callable[[], None]]] = {}
        self.differences: list[FoundDifference] = []
        # A dict, as an ordered set.
        self.reasons: dict[Left, None] = {}

    def begin(self, entry: Called, site: Site) -> Seen | None:
        if matching(entry.name, TRAINING) and not self._training:
            self._leave(site, _NO_TRAINING)
            return None
        why = matching(entry.name, NOT_COMPARED)
        if why is not None:
            self._leave(site, why)
            return lambda known: None
        return self._seen

    def failed(self, site: Site, error: Exception) -> None:
        self._leave(site, one_line(f"comparison failed: {error!r}", 200))

    def _leave(self, site: Site, why: str) -> None:
        self.reasons[Left(*site, why)] = None

    def compare_captured(self) -> None:
        """Compare the values captured from traced calls, after the run."""
        # A failure here is one of the script, and was reported already.
        with suppress(Exception):
            jax.effects_barrier()
        for site, waiting in self._captured.items():
            for compare_now in waiting:
                compare_now()
            if not waiting:
                why = "traced, but the program was never executed"
                self._leave(site, why)

    def _seen(self, known: Observed) -> None:
        key = _key(known)
        row = self.rows.get(key) or ComparedCalls(*key, 0)
        self.rows[key] = structs.replace(row, calls=row.calls + 1)
        if known.entry.kind == "class" and known.case.traced:
            assert known.instance is not None
            known.instance.why = "it was created during tracing"
        elif known.case.traced and known.case.raises is None:
            self._capture(known)
        else:
            self._compare(known)

    def _capture(self, known: Observed) -> None:
        """Capture the values of a traced call when it is executed."""
        arrays: list[Any] = []
        of_case = [getattr(known.case, name) for name in VIEWED]
        taken = take_apart((known.state, *of_case), arrays)
        waiting = self._captured.setdefault(known.site, [])
        # Objects of the script may be deleted when its run ends.
        whole = known.instance.whole() if known.instance else ()
        alive = [pair.original() for pair in whole]

        def receive(values: list[Any]) -> None:
            if (number := len(waiting) + 1) <= _MAX_CAPTURES:
                waiting.append(lambda: again(number, values))

        def again(number: int, values: list[Any], alive: Any = alive) -> None:
            state, *of_case = fill(taken, restored(values))
            changes = dict(zip(VIEWED, of_case, strict=True))
            case = replace(known.case, **changes)
            self._compare(replace(known, case=case, state=state, number=number))

        send(arrays, receive, _MAX_CAPTURES)

    def _compare(self, known: Observed) -> None:
        try:
            again = compare_again(known, self.twins)
            self._add(known, again)
            self._list(known, again)
        except NoTwinError as error:
            self._leave(known.site, str(error))
            if known.entry.kind == "class" and known.instance is not None:
                known.instance.why = str(error)
        except Exception as error:
            self.failed(known.site, error)

    def _add(self, known: Observed, again: Again) -> None:
        """Add a comparison to the row of its line."""
        key = _key(known)
        row, found = self.rows[key], again.comparison
        if not known.case.traced:
            row = structs.replace(
                row,
                seconds_old=(row.seconds_old or 0.0) + known.seconds,
                seconds_new=(row.seconds_new or 0.0) + again.seconds,
            )
        self.rows[key] = structs.replace(
            row,
            tally=row.tally + found.tally,
            arrays=(Comparison(arrays=row.arrays) + found).arrays,
            bytes_old=row.bytes_old + again.bytes_old,
            bytes_new=row.bytes_new + again.bytes_new,
        )

    def _list(self, known: Observed, again: Again) -> None:
        """Add the differences of a call, with the layer, and store the call."""
        fails, site = not again.comparison.agrees, known.site
        layer = self._layer(known) if fails else None
        room = _MAX_DIFFERENCES - self._n_differences[site]
        for difference in again.comparison.differences[:room]:
            self._n_differences[site] += 1
            masks = masks_at(difference, known, again.output)
            self.differences.append(
                FoundDifference(*site, known.number, difference, layer, masks)
            )
        if fails and known.entry.name in REPLAYED:
            # Captured calls have concrete values, like untraced calls.
            case = known.case
            traced = has_tracer((case.args, case.kwargs))
            known = replace(known, case=replace(case, traced=traced))
            keep(self._recorder, known)

    def _layer(self, known: Observed) -> str | None:
        """Return the first layer that differs, searched once per place."""
        trains = matching(known.entry.name, TRAINING)
        if known.entry.kind != "method" or known.case.raises or trains:
            return None
        if known.site not in self._layers:
            self._layers[known.site] = None
            # The layer only explains a difference that is reported anyway.
            with suppress(Exception):
                self._layers[known.site] = first_layer(known, self.twins)
        return self._layers[known.site]
