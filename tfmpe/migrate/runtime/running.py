"""A script on the bridge: `tfmpe run`."""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from tfmpe.compat import fixes, legacy_warnings
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY
from tfmpe.migrate.replay.silence import variable

from .call_sites import Site
from .counting import CallCounter, SeenWarning, WarningCounter
from .finder import logging_as_legacy, serving_bridge
from .notebook import NotRun, lines_not_run
from .program import Program, run_program
from .watching import Watch

__all__ = ["RunReport", "run_on_bridge"]


@dataclass(frozen=True)
class RunReport:
    """What running a script on the bridge showed.

    Parameters
    ----------
    script
        The script, or the module.
    exit_code
        Its own.
    calls
        Number of outermost calls by legacy function and line. Under a
        transformation of jax, a call counts once for every trace.
    warnings
        What the bridge warned of.
    not_run
        Lines of a notebook that were left out.
    """

    script: str
    exit_code: int
    calls: tuple[tuple[Site, int], ...]
    warnings: tuple[SeenWarning, ...]
    not_run: tuple[NotRun, ...] = ()

    def to_json(self) -> str:
        """Return the report as json.

        Returns
        -------
        str
            Indented, with a line end.
        """
        content: dict[str, Any] = {
            "format": 1,
            "tool": "run",
            "script": self.script,
            "exit_code": self.exit_code,
            "calls": [
                {**site._asdict(), "calls": number}
                for site, number in self.calls
            ],
            "warnings": [asdict(warning) for warning in self.warnings],
            "not_run": [line._asdict() for line in self.not_run],
        }
        return json.dumps(content, indent=2) + "\n"


def run_on_bridge(
    program: Program,
    *,
    legacy: str = LEGACY,
    mode: str | None = None,
    fix: Iterable[str] = (),
) -> RunReport:
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
    RunReport

    Raises
    ------
    ValueError
        If a code of `fix` cannot be turned off.
    """
    fixed = ",".join(sorted(fixes.read_fixes(list(fix))))
    warned = WarningCounter()
    watch = Watch(BRIDGE, lambda *call: counter(*call))
    counter = CallCounter(watch.paused)
    with ExitStack() as stack:
        stack.enter_context(variable(fixes.VARIABLE, fixed))
        if mode is not None:
            stack.enter_context(variable(legacy_warnings.VARIABLE, mode))
        stack.enter_context(serving_bridge(legacy))
        stack.enter_context(logging_as_legacy(legacy))
        stack.enter_context(warned.counting())
        stack.enter_context(watch.watching())
        code = run_program(program)
    return RunReport(
        program.name,
        code,
        tuple(sorted(counter.sites.items())),
        warned.seen,
        lines_not_run(program.name),
    )
