"""Defect L35: an ODE solve that starts at the first requested time."""

from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class ReturnTimesWarning(LegacyWarning):
    """States of the flow at the requested times are wrong (L35)."""

    code = "L35"


def check_return_times(times: Any, direction: str) -> None:
    """Warn if the times do not include the start of the flow."""
    if isinstance(times, Tracer) or not np.size(times):
        return
    backward = direction == "backward"
    begins, expected = np.asarray(times)[-1 if backward else 0], int(backward)
    if begins != expected:
        ReturnTimesWarning.warn(
            f"return_times starts at {begins:g}, so theta_0 is taken as the "
            f"state of the {direction} flow at that time, and later states "
            f"are wrong. Include the time {expected}."
        )
