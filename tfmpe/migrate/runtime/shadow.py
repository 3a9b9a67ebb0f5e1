"""A script on the legacy package with the bridge in its shadow."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.replay.calls import Found, call
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.comparison import Comparison, Difference, Tolerance
from tfmpe.migrate.replay.replay import compare_call
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import (
    arrays_of,
    fill,
    n_bytes,
    take_apart,
)

from .batches import batches_again
from .call_sites import Site
from .capture import send
from .counting import WarningCounter
from .errors import NoTwinError
from .finder import belongs_to
from .masks import masks_at
from .notebook import lines_not_run
from .observing import Observed, Observer, Seen, case_of, has_flow
from .program import Program, run_program
from .saved_cases import SavedCases
from .shadow_report import (
    CallRow,
    FoundDifference,
    Mode,
    NotCompared,
    Note,
    ShadowReport,
)
from .tolerances import (
    BATCHES,
    NOT_COMPARED,
    READINGS,
    TRAINING,
    matching,
    tolerance_of,
)
from .twins import Twins, view
from .undisturbed import undisturbed
from .watching import Called, Watch

__all__ = ["MAX_CAPTURES", "run_in_shadow"]

MAX_CAPTURES = 20
"""Executions of traced calls from one line that are compared."""

_MAX_DIFFERENCES = 50

_VIEWED = ("args", "kwargs", "args_after", "kwargs_after", "output")

_NO_TRAINING = (
    "training: left out by --no-training, or without the extra flow; the "
    "calls that it makes are compared"
)


def run_in_shadow(
    program: Program,
    *,
    legacy: str = LEGACY,
    nested: bool = False,
    max_captures: int = MAX_CAPTURES,
    save_cases: Path | None = None,
    training: bool = True,
) -> ShadowReport:
    """Run a script on the legacy package, and every call on the bridge too.

    Parameters
    ----------
    program
        The script, as it is. It gets the legacy results.
    legacy
        The legacy package, which must be installed.
    nested
        Whether calls that a compared call makes are compared as well.
    max_captures
        How many executions of traced calls from one line are compared.
    save_cases
        A folder to be made, where calls that differ are saved as recordings.
    training
        Whether the bridge trains as well where the script trains.

    Returns
    -------
    ShadowReport
    """
    twins = Twins(legacy)
    cases = SavedCases(save_cases, Path(program.name).stem, twins)
    shadow = _Shadow(legacy, twins, max_captures, cases, training)
    watch = Watch(legacy, lambda *given: observer(*given))
    observer = Observer(
        twins, watch.paused, shadow.begin, shadow.failed, nested=nested
    )
    with shadow.warned.counting(), watch.watching():
        code = run_program(program)
        with watch.paused():
            shadow.compare_captured()
        fingerprint = take_fingerprint(legacy)
    saved = shadow.cases.write(fingerprint)
    return shadow.report(program.name, code, fingerprint, saved)


class _Shadow:
    """Makes calls again and collects what is different."""

    def __init__(
        self,
        legacy: str,
        twins: Twins,
        max_captures: int,
        cases: SavedCases,
        training: bool,
    ):
        self._legacy = legacy
        self._twins = twins
        self._training = training and has_flow()
        self._notes: dict[tuple[Site, str], None] = {}
        self.warned = WarningCounter()
        self._rows: dict[tuple[Site, Mode], CallRow] = {}
        self._differences: list[FoundDifference] = []
        self._n_differences: dict[Site, int] = {}
        self._reasons: dict[tuple[Site, str], None] = {}
        self._max_captures = max_captures
        self._captured: list[Callable[[], None]] = []
        self._n_captured: dict[Site, int] = {}
        self._never_run: dict[Site, bool] = {}
        self.cases = cases

    def begin(
        self, entry: Called, site: Site, args: tuple[Any, ...], kwargs: Any
    ) -> Seen | None:
        if matching(entry, TRAINING) and not self._training:
            self._reasons[site, _NO_TRAINING] = None
            return None
        if entry.name.startswith(READINGS):
            return None
        why = matching(entry, NOT_COMPARED)
        if why is not None:
            return lambda known: self._leave(known, why)
        return self._seen

    def failed(self, site: Site, error: Exception) -> None:
        text = one_line(f"comparing failed: {error!r}", 200)
        self._reasons[site, text] = None

    def _leave(self, known: Observed, why: str) -> None:
        self._reasons[known.site, why] = None

    def _seen(self, known: Observed) -> None:
        mode: Mode = "traced" if known.traced else "eager"
        self._row(known.site, mode).calls += 1
        if known.entry.kind == "class" and known.traced:
            assert known.instance is not None
            self._twins.refuse(known.instance, "it was made while tracing")
        elif known.traced and known.error is None:
            self._capture(known)
        else:
            self._compare(known, mode)

    def _row(self, site: Site, mode: Mode) -> CallRow:
        return self._rows.setdefault((site, mode), CallRow(site, mode))

    def _capture(self, known: Observed) -> None:
        """Let the values of a traced call come out as it is executed."""
        arrays: list[Any] = []
        names = (*_VIEWED, "state")
        taken = take_apart([getattr(known, name) for name in names], arrays)
        self._never_run.setdefault(known.site, True)

        def receive(values: list[np.ndarray]) -> None:
            self._never_run[known.site] = False
            number = self._n_captured.get(known.site, 0)
            if number < self._max_captures:
                self._n_captured[known.site] = number + 1
                self._captured.append(lambda: again(values))

        restored = send(arrays, receive, self._max_captures)

        def again(values: list[np.ndarray]) -> None:
            filled = fill(taken, restored(values))
            changes = dict(zip(names, filled, strict=True))
            self._compare(replace(known, **changes), "traced")

    def compare_captured(self) -> None:
        """Compare what traced calls have let out, once all have run."""
        try:
            jax.effects_barrier()
        # The script's own failure, which it has shown already.
        except Exception as error:
            print(f"(a compiled program failed: {error!r})", file=sys.stderr)
        for compare_now in self._captured:
            compare_now()
        for site, never in self._never_run.items():
            if never:
                self._reasons[
                    site, "traced, but what was traced was never executed"
                ] = None

    def _compare(self, known: Observed, mode: Mode) -> None:
        try:
            self._compare_or_raise(known, mode)
        except NoTwinError as error:
            self._reasons[known.site, str(error)] = None
            if known.entry.kind == "class" and known.instance is not None:
                self._twins.refuse(known.instance, str(error))
        except Exception as error:
            self.failed(known.site, error)

    def _compare_or_raise(self, known: Observed, mode: Mode) -> None:
        if known.entry.name in BATCHES:
            comparison = batches_again(known, self._legacy)
            self._row(known.site, mode).add(comparison)
            self._list(known.site, known.number, comparison)
            return
        found, seconds = self._call(known)
        if known.traced and known.error is None:
            found = _strong(found)
        viewed = {name: view(getattr(known, name)) for name in _VIEWED}
        case = replace(case_of(known, "call", ""), **viewed)
        tolerance = tolerance_of(known.entry, self._twins.has_weights(known))
        comparison = compare_call(case, found, tolerance)
        if known.error is None:
            comparison += self._compare_state(known, tolerance)
        row = self._row(known.site, mode)
        row.add(comparison)
        if mode == "eager":
            row.seconds_old = (row.seconds_old or 0.0) + known.seconds
            row.seconds_new = (row.seconds_new or 0.0) + seconds
        row.bytes_old += n_bytes(case.output)
        row.bytes_new += n_bytes(found.output)
        self._keep(known, found, comparison)

    def _call(self, known: Observed) -> tuple[Found, float]:
        """Make a call on the bridge, and name the objects in what it found."""
        twins, entry = self._twins, known.entry
        trains = matching(entry, TRAINING) is not None
        twins.load(known.state)
        args, kwargs = twins.filled((known.args, known.kwargs))
        if entry.kind == "method":
            name = entry.name.rpartition(".")[2]
            twin = twins.filled(known.instance)
            if not belongs_to(type(twin).__module__, BRIDGE):
                kind = type(twin).__qualname__
                raise NoTwinError(f"its class {kind} is the script's own")
            function = getattr(twin, name)
        else:
            function = twins.bridge(entry.module, entry.name)
        start = time.perf_counter()
        with silenced(), undisturbed(quiet=trains, begin=known.numbers):
            found = call(function, args, kwargs)
            if not known.traced:
                jax.block_until_ready(arrays_of(found.output))
        seconds = time.perf_counter() - start
        output = found.output
        if entry.kind == "class" and known.instance is not None:
            if found.error is None:
                twins.give(known.instance, output)
            output = None
        after = view(twins.named((args, kwargs), new=False))
        output = view(twins.named(output, new=False))
        return Found(output, found.error, *after), seconds

    def _compare_state(
        self, known: Observed, tolerance: Tolerance | None
    ) -> Comparison:
        old, new = self._twins.sides(known.state_after)
        return compare(old, new, "state", tolerance)

    def _keep(
        self, known: Observed, found: Found, comparison: Comparison
    ) -> None:
        self._list(
            known.site,
            known.number,
            comparison,
            lambda difference: masks_at(difference, known, found.output),
        )
        fails = not comparison.identical and not comparison.within_tolerance
        for text in self.cases.keep(known) if fails else ():
            self._notes[known.site, text] = None

    def _list(
        self,
        site: Site,
        call: int,
        comparison: Comparison,
        masks: Callable[[Difference], Any] = lambda difference: None,
    ) -> None:
        for difference in comparison.differences:
            number = self._n_differences.get(site, 0) + 1
            self._n_differences[site] = number
            if number <= _MAX_DIFFERENCES:
                self._differences.append(
                    FoundDifference(site, call, difference, masks(difference))
                )

    def report(
        self,
        script: str,
        code: int,
        fingerprint: dict[str, Any],
        saved: int | None,
    ) -> ShadowReport:
        rows = sorted(self._rows.values(), key=lambda r: (r.site, r.mode))
        return ShadowReport(
            script,
            code,
            fingerprint,
            tuple(rows),
            tuple(self._differences),
            self.warned.seen,
            tuple(NotCompared(*key) for key in self._reasons),
            saved,
            lines_not_run(script),
            tuple(Note(*key) for key in self._notes),
        )


def _strong(found: Found) -> Found:
    """Return what was found without weak types, which captured values lose."""

    def stripped(tree: Any) -> Any:
        arrays: list[Any] = []
        taken = take_apart(tree, arrays)
        return fill(taken, [jax.device_put(np.asarray(a)) for a in arrays])

    return Found(
        stripped(found.output),
        found.error,
        stripped(found.args),
        stripped(found.kwargs),
    )
