"""Defect L35: a solution that starts at the first requested time."""

from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class ReturnTimesWarning(LegacyWarning):
    """States at the times asked for are not those of the flow (L35)."""

    code = "L35"


def check_return_times(times: Any, direction: str) -> None:
    """Warn if the flow does not begin where it should."""
    if isinstance(times, Tracer) or not np.size(times):
        return
    backward = direction == "backward"
    begins, expected = np.asarray(times)[-1 if backward else 0], int(backward)
    if begins != expected:
        ReturnTimesWarning.warn(
            f"return_times has its start at {begins:g}, so the {direction} "
            "flow is taken to hold theta_0 there, and later states are not "
            f"those of the flow. Include the time {expected}."
        )
