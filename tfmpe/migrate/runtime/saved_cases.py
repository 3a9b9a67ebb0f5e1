"""Calls that differ, kept as cases that `tfmpe verify` replays."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfmpe.migrate.replay.trees import has_tracer

from .observing import Observed
from .recording import Recorder
from .tolerances import is_recorded
from .twins import Twins

__all__ = ["SavedCases"]


class SavedCases:
    """Collects the cases of one run.

    Parameters
    ----------
    folder
        Where they are written; None if they are not wanted.
    example
        What they are cases of.
    twins
        Of the run.
    """

    def __init__(self, folder: Path | None, example: str, twins: Twins):
        self._folder = folder
        self._recorder = Recorder(example, twins)

    def keep(self, known: Observed) -> Iterator[str]:
        """Keep a call, if cases are wanted.

        Parameters
        ----------
        known
            The call, as the legacy package made it.

        Yields
        ------
        str
            Why it cannot be kept or, later, replayed.
        """
        if self._folder is None:
            return
        if not is_recorded(known.entry):
            yield "differs; not saved, as recordings have no calls of it"
            return
        # What was captured has its values, as if it had not been traced.
        if known.traced and not has_tracer((known.args, known.kwargs)):
            known = replace(known, traced=False)
        self._recorder.seen(known)
        for what in self._recorder.opaque.get(known.entry.name, ()):
            yield f"saved, but cannot be replayed: it was given {what}"

    def write(self, fingerprint: dict[str, Any]) -> int | None:
        """Write all cases.

        Parameters
        ----------
        fingerprint
            Of the surroundings that they were made in.

        Returns
        -------
        int or None
            How many there are; None if they are not wanted.
        """
        if self._folder is None:
            return None
        if self._recorder.n_cases:
            self._recorder.write(self._folder, fingerprint)
        return self._recorder.n_cases
