"""Timing of several calls in turn, so that all meet the same conditions."""

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

__all__ = ["Effort", "in_turn", "timed"]

Times = tuple[list[float], list[float], int]
"""Seconds and processor seconds of a call in each round; calls in a round."""

_LONG = 1.0
_SHORTEST_ROUND = 2e-3


class Effort(NamedTuple):
    """How long a measurement may take."""

    # For all sides of one size together.
    seconds: float = 1.5
    fewest: int = 3
    most: int = 50
    # Whether first calls compile everything anew.
    forget: bool = True


def timed(call: Callable[[], Any], n: int = 1) -> tuple[Any, float, float]:
    """Return a result, and the seconds and processor seconds of a call."""
    result = None
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in range(n):
        result = jax.block_until_ready(call())
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return result, seconds / n, cpu / n


def in_turn(
    calls: Mapping[str, Callable[[], Any]], effort: Effort
) -> dict[str, Times]:
    """Time calls in turn: one round of each, then the next of each.

    A round is one call, or as many as take two milliseconds.
    """
    rough = {name: _rough_seconds(call) for name, call in calls.items()}
    repeats = {
        name: int(np.clip(round(_SHORTEST_ROUND / each), 1, 1_000))
        for name, each in rough.items()
    }
    one_round = sum(rough[name] * repeats[name] for name in calls)
    most = effort.seconds / (one_round or 1)
    rounds = int(np.clip(most, effort.fewest, effort.most))
    found: dict[str, Times] = {name: ([], [], repeats[name]) for name in calls}
    gc.collect()
    for _ in range(rounds):
        for name, call in calls.items():
            _, seconds, cpu = timed(call, repeats[name])
            found[name][0].append(seconds)
            found[name][1].append(cpu)
    return found


def _rough_seconds(call: Callable[[], Any]) -> float:
    # Once before, not measured: another side's first call has forgotten what
    # this one had compiled.
    jax.block_until_ready(call())
    best = timed(call)[1]
    if best < _LONG:
        best = min(best, timed(call)[1])
    return max(best, 1e-7)
