"""Defects L18 and L28: negated time in ``log_prob``."""

from collections.abc import Collection

from tfmpe.compat.legacy_warnings import LegacyWarning


class NegativeTimeWarning(LegacyWarning):
    """The density of structured data does not match the samples (L18)."""

    code = "L18"


class PlainNegativeTimeWarning(NegativeTimeWarning):
    """The density of plain arrays does not match the samples (L28)."""

    code = "L28"


def has_negative_time(
    fixes: Collection[str], kind: type[NegativeTimeWarning]
) -> bool:
    """Return whether to use negative times, and warn if so."""
    if kind.code in fixes:
        return False
    kind.warn(
        "log_prob calls the vector field at times from -1 to 0, but sample "
        "calls it at times from 0 to 1, so the density does not match the "
        "samples unless the field is an even function of time. Pass "
        f"fix=['{kind.code}'], or use ContinuousFlow.log_prob."
    )
    return True
