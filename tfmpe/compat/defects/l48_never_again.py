"""Defect L48: early stopping that never recovers from a stop or first NaN."""

import math
from collections.abc import Collection
from typing import Any


def improves(
    metric: Any, best: Any, min_delta: float, fixes: Collection[str]
) -> bool:
    """Return whether a loss is better than the best one so far.

    By default the first loss is always better; if it is NaN, no later loss is
    better. If fixed, NaN is never better.
    """
    first = "L48" not in fixes and math.isinf(best)
    return first or bool(best - metric > min_delta)


def stays_stopped(stopped: bool, fixes: Collection[str]) -> bool:
    """Return whether training stays stopped after an improvement."""
    return stopped and "L48" not in fixes
