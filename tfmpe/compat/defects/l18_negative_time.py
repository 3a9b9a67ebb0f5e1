"""L18: ``log_prob`` hands the field minus the time."""

from collections.abc import Collection

from tfmpe.compat.legacy_warnings import LegacyWarning


class NegativeTimeWarning(LegacyWarning):
    """A density is not that of the samples (L18)."""

    code = "L18"


def has_negative_time(fixes: Collection[str]) -> bool:
    """Return whether a density is to be wrong, and warn if so."""
    if "L18" in fixes:
        return False
    NegativeTimeWarning.warn(
        "log_prob hands the vector field times from -1 to 0 where sample "
        "hands it 0 to 1, so the density is not that of the samples unless "
        "the field is even in time. Pass fix=['L18'], or use "
        "ContinuousFlow.log_prob."
    )
    return True
