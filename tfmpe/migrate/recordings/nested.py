"""Recorded calls whose weights are stored with the call that they made.

A posterior was drawn by `SFMPE.sample_posterior`, which called
`SFMPE.sample_posterior_encoded`: both were recorded, one after the other, and
the weights and the noise with the second.
"""

import re
from dataclasses import replace
from pathlib import Path

from tfmpe.migrate.errors import RecordingError

from .read import Case, read_recording

__all__ = ["read_cases"]

_OUTER = "SFMPE.sample_posterior"
_INNER_FILE = "SFMPE_sample_posterior_encoded.json"
_PLACE = re.compile(r"(?P<run>.+__trace)(?P<place>\d+)_sample_posterior")


def read_cases(file: Path, folder: Path | None = None) -> tuple[Case, ...]:
    """Return the cases of one recording, with what others have of them.

    Parameters
    ----------
    file, folder
        As of `read_recording`.

    Returns
    -------
    tuple of Case
        Where the weights of a call are in another recording that is missing
        or refused, `extra` stays None.

    Raises
    ------
    RecordingError
        If the recording itself is refused.
    """
    cases = read_recording(file, folder)
    if not any(_lacks_weights(case) for case in cases):
        return cases
    inner: dict[str, Case] = {}
    try:
        for case in read_recording(file.with_name(_INNER_FILE), folder):
            inner[case.name] = case
    except RecordingError:
        return cases
    return tuple(_completed(case, inner) for case in cases)


def _lacks_weights(case: Case) -> bool:
    return (
        case.function == _OUTER
        and case.extra is None
        and case.raises is None
        and not case.traced
    )


def _completed(case: Case, inner: dict[str, Case]) -> Case:
    place = _PLACE.fullmatch(case.name)
    if place is None or not _lacks_weights(case):
        return case
    digits = place["place"]
    following = str(int(digits) + 1).zfill(len(digits))
    name = f"{place['run']}{following}_sample_posterior_encoded"
    return replace(case, extra=inner[name].extra) if name in inner else case
