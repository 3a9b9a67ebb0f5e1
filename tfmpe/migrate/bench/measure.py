"""Measurement of one size of a case: sides are compared, then timed."""

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from tfmpe.migrate.records.checks import BenchRow, Side
from tfmpe.migrate.show.words import in_bytes

from .agreement import NotEqualError
from .data import Size
from .machine import available_bytes
from .old_side import Legacy
from .task import Call, Case, stored_bytes

DIFFERENT = "differs: "
"""Prefix of the reason for leaving out a side with a wrong result."""

# Share of the free memory; the rest is a reserve.
_SHARE_OF_MEMORY = 0.8
_SHORTEST_ROUND = 2e-3


Times = tuple[list[float], list[float], int]
"""Seconds and CPU seconds per call, for each round; calls per round."""


class Effort(NamedTuple):
    """Limits on the duration of a measurement."""

    seconds: float = 1.5  # for all sides of one size together
    fewest: int = 3  # rounds
    most: int = 50
    forget: bool = True  # clear compilation caches before first calls


def measure_row(
    case: Case, size: Size, legacy: Legacy, effort: Effort
) -> BenchRow:
    """Compare the sides at one size, and time those that agree."""
    checked, left_out = check_sides(case, size, legacy, effort.forget)
    sides = {}
    for side, (seconds, cpu, calls) in in_turn(checked, effort).items():
        call, quarters = checked[side], [0.25, 0.5, 0.75]
        q1, median, q3 = map(float, np.quantile(seconds, quarters))
        compile_s = call.compile_s or max(0.0, call.first_s - median)
        spent = (q1, q3), float(np.median(cpu)), len(seconds), calls
        sides[side] = Side(median, call.n_bytes, compile_s, *spent)
    return BenchRow(size.n_sites, sides, left_out, size.n_tokens)


def check_sides(
    case: Case, size: Size, legacy: Legacy, forget: bool = False
) -> tuple[dict[str, Call], dict[str, str]]:
    """Return the calls of correct sides, and why the others are left out.

    Without an old result, for example if memory is short, only the core can be
    checked, by its `law`. If any side differs, no side counts as correct.
    """
    checked: dict[str, Call] = {}
    left_out: dict[str, str] = {}
    sides, old = case.sides, None
    if size.n_sites in case.further:
        sides = {"new": sides["new"]}
    for side, same in sides.items():
        law = case.law if side == "new" else None
        if "old" in left_out and law is None:
            continue
        try:
            _check_memory(case.needs(side, size))
            call = case.call(side, size, legacy)
            _check_memory(call.needs)
            if forget:
                jax.clear_caches()
            result, call.first_s, _ = _timed(call)
            whole = call.full(result)
            if old is not None and same is not None:
                same(whole, old)
            elif law is not None:
                law(whole, size)
        except NotEqualError as error:
            left_out[side] = f"{DIFFERENT}{error}"
        except MemoryError as error:
            left_out[side] = str(error) or "out of memory"
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            left_out[side] = "out of memory"
        else:
            call.n_bytes = call.needs or stored_bytes(result)
            checked[side] = call
            old = whole if side == "old" else old
    if any(why.startswith(DIFFERENT) for why in left_out.values()):
        checked.clear()
    return checked, left_out


def _check_memory(needs: int) -> None:
    available = available_bytes()
    if available is not None and needs > _SHARE_OF_MEMORY * available:
        has = f"{in_bytes(available)} are free"
        raise MemoryError(f"needs {in_bytes(needs)} of memory, {has}")


def _timed(call: Callable[[], Any], n: int = 1) -> tuple[Any, float, float]:
    """Return the result of a call, and its mean seconds and CPU seconds."""
    result = None
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in range(n):
        result = jax.block_until_ready(call())
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return result, seconds / n, cpu / n


def in_turn(
    calls: Mapping[str, Callable[[], Any]], effort: Effort
) -> dict[str, Times]:
    """Time all sides in turn, in rounds of calls that take at least 2 ms."""
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
            _, seconds, cpu = _timed(call, repeats[name])
            found[name][0].append(seconds)
            found[name][1].append(cpu)
    return found


def _rough_seconds(call: Callable[[], Any]) -> float:
    # One call is not measured, because the first call of another side has
    # cleared the compilation caches.
    jax.block_until_ready(call())
    return max(_timed(call)[1], 1e-7)
