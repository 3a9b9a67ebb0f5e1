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
from tfmpe.migrate.legacy_names import LEGACY, LegacyName
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.replay.calls import Found, call
from tfmpe.migrate.replay.comparison import Comparison, Difference
from tfmpe.migrate.replay.replay import compare_call
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import (
    arrays_of,
    copied,
    fill,
    n_bytes,
    take_apart,
)

from .batches import batches_again
from .bridge_side import bridge_side, strong
from .call_sites import Site
from .capture import send
from .counting import WarningCounter
from .errors import NoTwinError
from .masks import masks_at
from .notebook import lines_not_run
from .observing import Ended, Observed, Observer, case_of, has_flow
from .places import BATCHES, NOT_COMPARED, TRAINING, legacy_places
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
from .undisturbed import undisturbed
from .watching import Watch

__all__ = ["MAX_CAPTURES", "run_in_shadow"]

MAX_CAPTURES = 20
"""Executions of traced calls from one line that are compared."""

_MAX_DIFFERENCES = 50

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
    shadow = _Shadow(
        legacy, max_captures, Path(program.name).stem, save_cases, training
    )
    watch = Watch(
        legacy, legacy_places(legacy), lambda *given: observer(*given)
    )
    observer = Observer(
        legacy,
        watch.paused,
        shadow.seen,
        shadow.passed,
        shadow.failed,
        nested=nested,
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
        max_captures: int,
        example: str,
        save_cases: Path | None,
        training: bool,
    ):
        self._legacy = legacy
        self._training = training
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
        self.cases = SavedCases(save_cases, example)

    def passed(
        self,
        entry: LegacyName,
        site: Site,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Callable[[Ended], None] | None:
        if entry.name in TRAINING:
            if self._training and has_flow():
                return self._begin_training(entry, site, args, kwargs)
            self._reasons[site, _NO_TRAINING] = None
        elif entry.name == "Transformer" and has_flow():
            from .networks import new_network

            compared = new_network(entry, args, kwargs, self._legacy)
            return self._ending(site, compared)
        elif entry.name in BATCHES:
            compared = batches_again(entry, args, kwargs, self._legacy)
            return self._ending(site, compared)
        elif entry.kind != "class":
            self._reasons[site, NOT_COMPARED[entry.name]] = None
        return None

    def _begin_training(
        self,
        entry: LegacyName,
        site: Site,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Callable[[Ended], None] | None:
        from .training import Training

        row = self._row(site, "eager")
        row.calls += 1
        number = row.calls
        try:
            training = Training(entry, args, kwargs, self._legacy)
        except NoTwinError as error:
            self._reasons[site, str(error)] = None
            return None

        def ended(found: Ended) -> None:
            compared = training.compare(found)
            row.add(compared.comparison)
            row.seconds_old = (row.seconds_old or 0.0) + found.seconds
            row.seconds_new = (row.seconds_new or 0.0) + compared.seconds
            row.bytes_old += compared.bytes_old
            row.bytes_new += compared.bytes_new
            if compared.noise is not None:
                self._notes[site, _chance(compared.noise)] = None
            self._list(site, number, compared.comparison)

        return ended

    def _ending(
        self, site: Site, compared: Callable[[Ended], Comparison] | None
    ) -> Callable[[Ended], None] | None:
        """Return what compares a call that is not observed, once it ended."""
        row = self._row(site, "eager")
        row.calls += 1
        number = row.calls
        if compared is None:
            self._reasons[site, "its class is the script's own"] = None
            return None

        def ended(found: Ended) -> None:
            comparison = compared(found)
            row.add(comparison)
            self._list(site, number, comparison)

        return ended

    def failed(self, site: Site, error: Exception) -> None:
        text = one_line(f"comparing failed: {error!r}", 200)
        self._reasons[site, text] = None

    def seen(self, call: Observed) -> None:
        mode: Mode = "traced" if call.traced else "eager"
        self._row(call.site, mode).calls += 1
        if isinstance(call.twin, str):
            self._reasons[call.site, call.twin] = None
        elif call.traced and call.error is None:
            self._capture(call)
        else:
            self._compare(call, mode)

    def _row(self, site: Site, mode: Mode) -> CallRow:
        return self._rows.setdefault((site, mode), CallRow(site, mode))

    def _capture(self, call: Observed) -> None:
        """Let the values of a traced call come out as it is executed."""
        arrays: list[Any] = []
        twin = call.twin
        parts = (
            call.args,
            call.kwargs,
            call.args_after,
            call.kwargs_after,
            call.output,
            None if twin is None or isinstance(twin, str) else twin.arrays,
            getattr(twin, "key", None),
        )
        taken = take_apart(parts, arrays)
        self._never_run.setdefault(call.site, True)

        def receive(values: list[np.ndarray]) -> None:
            self._never_run[call.site] = False
            number = self._n_captured.get(call.site, 0)
            if number < self._max_captures:
                self._n_captured[call.site] = number + 1
                self._captured.append(lambda: compare(values))

        restored = send(arrays, receive, self._max_captures)

        def compare(values: list[np.ndarray]) -> None:
            args, kwargs, args_after, kwargs_after, output, *made = fill(
                taken, restored(values)
            )
            known = replace(
                call,
                args=args,
                kwargs=kwargs,
                args_after=args_after,
                kwargs_after=kwargs_after,
                output=output,
                twin=_remade(call.twin, *made),
            )
            self._compare(known, "traced")

    def compare_captured(self) -> None:
        """Compare what traced calls have let out, once all have run."""
        try:
            jax.effects_barrier()
        # The script's own failure, which it has shown already.
        except Exception as error:
            print(f"(a compiled program failed: {error!r})", file=sys.stderr)
        for compare in self._captured:
            compare()
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
        except Exception as error:
            self.failed(known.site, error)

    def _compare_or_raise(self, known: Observed, mode: Mode) -> None:
        case = case_of(known, "call", "")
        side = bridge_side(known)
        if side.why_legacy_network is not None:
            self._reasons[known.site, side.why_legacy_network] = None
        start = time.perf_counter()
        with silenced(), undisturbed():
            found = call(
                side.function, copied(known.args), copied(known.kwargs)
            )
            if not known.traced:
                jax.block_until_ready(arrays_of(found.output))
        seconds = time.perf_counter() - start
        if isinstance(found.error, NoTwinError):
            self._reasons[known.site, str(found.error)] = None
            return
        if known.traced and known.error is None:
            found = strong(found)
        comparison = compare_call(case, found, side.tolerance)
        row = self._row(known.site, mode)
        row.add(comparison)
        if mode == "eager":
            row.seconds_old = (row.seconds_old or 0.0) + known.seconds
            row.seconds_new = (row.seconds_new or 0.0) + seconds
        row.bytes_old += n_bytes(known.output)
        row.bytes_new += n_bytes(found.output)
        self._keep(known, found, comparison)

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


def _chance(noise: Comparison) -> str:
    largest = noise.largest_absolute
    size = 0.0 if largest is None else largest.value
    return (
        f"trainings on the bridge with other random numbers are up to "
        f"{size:.1e} apart"
    )


def _remade(twin: Any, arrays: Any, key: Any) -> Any:
    return twin if twin is None else replace(twin, arrays=arrays, key=key)
