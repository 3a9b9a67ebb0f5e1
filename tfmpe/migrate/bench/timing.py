"""Timing several calls in turn, so that all meet the same weather."""

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

__all__ = ["Effort", "Times", "first_call", "in_turn"]

_LONG = 1.0
_SHORTEST_ROUND = 2e-3


class Effort(NamedTuple):
    """How long a measurement may take.

    Attributes
    ----------
    seconds : float
        For all sides of one size together.
    fewest, most : int
        Rounds.
    forget : bool
        Whether first calls compile everything anew.
    """

    seconds: float = 1.5
    fewest: int = 3
    most: int = 50
    forget: bool = True


class Times(NamedTuple):
    """Seconds of a call: quartiles over rounds.

    Attributes
    ----------
    q1, median, q3 : float
    rounds, calls : int
        Rounds, and calls in each.
    """

    q1: float
    median: float
    q3: float
    rounds: int
    calls: int


def ready(call: Callable[[], Any]) -> Any:
    """Call, and wait until the result is there."""
    return jax.block_until_ready(call())


def first_call(
    call: Callable[[], Any], forget: bool = True
) -> tuple[Any, float]:
    """Return the result of a call that compiles, and its seconds.

    Parameters
    ----------
    call : callable
    forget : bool
        Whether to forget first what was compiled in this process before.
    """
    if forget:
        jax.clear_caches()
    start = time.perf_counter()
    result = ready(call)
    return result, time.perf_counter() - start


def in_turn(
    calls: Mapping[str, Callable[[], Any]], effort: Effort
) -> dict[str, Times]:
    """Time calls in turn: one round of each, then the next of each.

    Parameters
    ----------
    calls : mapping of str to callable
    effort : Effort

    Returns
    -------
    dict of str to Times
        A round is one call, or as many as take two milliseconds.
    """
    if not calls:
        return {}
    rough = {name: _rough_seconds(call) for name, call in calls.items()}
    repeats = {
        name: int(np.clip(round(_SHORTEST_ROUND / seconds), 1, 1_000))
        for name, seconds in rough.items()
    }
    one_round = sum(rough[name] * repeats[name] for name in calls)
    rounds = int(
        np.clip(effort.seconds / one_round, effort.fewest, effort.most)
    )
    # A long call has had its first round.
    times = {
        name: [seconds] if seconds > _LONG else []
        for name, seconds in rough.items()
    }
    gc.collect()
    for number in range(rounds):
        for name, call in calls.items():
            if number == 0 and times[name]:
                continue
            start = time.perf_counter()
            for _ in range(repeats[name]):
                ready(call)
            seconds = time.perf_counter() - start
            times[name].append(seconds / repeats[name])
    found = {}
    for name, taken in times.items():
        q1, median, q3 = map(float, np.quantile(taken, [0.25, 0.5, 0.75]))
        found[name] = Times(q1, median, q3, rounds, repeats[name])
    return found


def _rough_seconds(call: Callable[[], Any]) -> float:
    """Return the time of one call when warm."""
    # Not measured: another side's first call has forgotten what this one
    # had compiled.
    ready(call)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        ready(call)
        best = min(best, time.perf_counter() - start)
        if best > _LONG:
            break
    return max(best, 1e-7)
