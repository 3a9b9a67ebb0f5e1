"""A script on the bridge, with its legacy calls counted: `tfmpe run`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tfmpe.compat import fixes, legacy_warnings
from tfmpe.compat.legacy_warnings import LegacyWarning
from tfmpe.migrate.catalogue import advice_of
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.records.runs import Calls, Run, Warned
from tfmpe.migrate.replay.silence import variable

from .finder import logging_as_legacy, serving_bridge
from .notebook import lines_not_run
from .observe import Called, Watch
from .places import Site, call_site
from .program import Program, run_program

__all__ = ["WarningCounter", "run_on_bridge"]


def run_on_bridge(
    program: Program,
    *,
    legacy: str = LEGACY,
    mode: str | None = None,
    fix: Iterable[str] = (),
) -> Run:
    """Run a legacy script with the bridge in place of the legacy package.

    Parameters
    ----------
    program
        The script, as it is.
    legacy
        What it calls the legacy package; an installed one is not used.
    mode
        What becomes of the bridge's warnings: ``'ignore'``, ``'warn'``,
        ``'error'``; None for what the environment says.
    fix
        Defects to turn off, besides those of the environment.

    Returns
    -------
    Run
        Outermost calls by function and place. Under a transformation of jax,
        a call counts once for every trace.

    Raises
    ------
    ValueError
        If a code of `fix` cannot be turned off.
    """
    fixed = ",".join(sorted(fixes.read_fixes(list(fix))))
    warned = WarningCounter()
    sites: Counter[Site] = Counter()

    def count(
        entry: Called, original: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        sites[call_site(entry.qualified)] += 1
        with watch.paused():
            return original(*args, **kwargs)

    watch = Watch(BRIDGE, count)
    with ExitStack() as stack:
        stack.enter_context(variable(fixes.VARIABLE, fixed))
        if mode is not None:
            stack.enter_context(variable(legacy_warnings.VARIABLE, mode))
        stack.enter_context(serving_bridge(legacy))
        stack.enter_context(logging_as_legacy(legacy))
        stack.enter_context(warned.counting())
        stack.enter_context(watch.watching())
        code = run_program(program)
    return Run(
        exit_code=code,
        script=program.name,
        calls=tuple(
            Calls(function, place, number, _advice(function))
            for (function, place), number in sorted(sites.items())
        ),
        fingerprint=take_fingerprint(),
        warnings=warned.seen,
        not_run=lines_not_run(program.name),
    )


def _advice(function: str) -> str | None:
    found = advice_of(function)
    return found and found.code


class WarningCounter:
    """Counts what the bridge warns of, shown or not."""

    def __init__(self) -> None:
        self._counts: Counter[Site] = Counter()
        self._texts: dict[Site, str] = {}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count until the end of the block."""
        original = vars(LegacyWarning)["warn"]
        counts, texts = self._counts, self._texts

        def warn(cls: type[LegacyWarning], text: str) -> None:
            site = call_site(cls.code)
            counts[site] += 1
            texts.setdefault(site, text)
            original.__func__(cls, text)

        LegacyWarning.warn = classmethod(warn)  # pyright: ignore
        try:
            yield
        finally:
            LegacyWarning.warn = original

    @property
    def seen(self) -> tuple[Warned, ...]:
        """All warnings, by code and place."""
        counted = sorted(
            self._counts.items(),
            key=lambda item: (int(item[0].function.lstrip("L") or 0), item[0]),
        )
        return tuple(
            Warned(site.function, site.place, count, self._texts[site])
            for site, count in counted
        )
