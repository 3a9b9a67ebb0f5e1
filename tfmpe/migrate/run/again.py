"""Second execution of a legacy call, on the bridge, and the comparison."""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE, is_below
from tfmpe.migrate.records.parity import Difference
from tfmpe.migrate.records.runs import Masks
from tfmpe.migrate.replay.calls import Found, call, compare_call
from tfmpe.migrate.replay.compare import Comparison, compare
from tfmpe.migrate.replay.trees import (
    arrays_of,
    fill,
    leaf_paths,
    n_bytes,
    take_apart,
)

from .calls import VIEWED, Observed
from .tolerances import TRAINING, matching, tolerance_of
from .twins import Twins, of_bridge
from .twins_state import NoTwinError, has_weights, load, sides, view
from .undisturbed import undisturbed

_LARGEST_MASK = 10_000


class Again(NamedTuple):
    """Outcome of a call on the bridge, and its comparison."""

    comparison: Comparison
    output: Any
    seconds: float
    bytes_old: int
    bytes_new: int


def compare_again(known: Observed, twins: Twins) -> Again:
    """Repeat a legacy call on the bridge, and compare."""
    found, seconds = call_again(known, twins)
    if known.case.traced and known.case.raises is None:
        found = _strong(found)
    viewed = {name: view(getattr(known.case, name)) for name in VIEWED}
    case = replace(known.case, **viewed)
    of_network = known.instance is not None and any(
        has_weights(path) for held in known.state.values() for path in held
    )
    tolerance = tolerance_of(known.entry.name, of_network)
    comparison = compare_call(case, found, tolerance)
    if case.raises is None:
        comparison += compare(*sides(known.state_after), "state", tolerance)
    sizes = n_bytes(case.output), n_bytes(found.output)
    return Again(comparison, found.output, seconds, *sizes)


def call_again(known: Observed, twins: Twins) -> tuple[Found, float]:
    """Make a call on the bridge; return its outcome and duration in seconds."""
    entry = known.entry
    load(known.state)
    args, kwargs = twins.filled((known.case.args, known.case.kwargs))
    if entry.kind == "method":
        twin = twins.filled(known.instance)
        if not is_below(type(twin).__module__, BRIDGE):
            kind = type(twin).__qualname__
            raise NoTwinError(f"its class {kind} is defined by the script")
        function = getattr(twin, entry.name.rpartition(".")[2])
    else:
        function = of_bridge(entry.module, entry.name)
    trains = matching(entry.name, TRAINING) is not None
    start = time.perf_counter()
    with undisturbed(quiet=trains, begin=known.numbers):
        found = call(function, args, kwargs)
        if not known.case.traced:
            jax.block_until_ready(arrays_of(found.output))
    seconds = time.perf_counter() - start
    output = found.output
    if entry.kind == "class" and known.instance is not None:
        if found.error is None:
            twins.give(known.instance, output)
        output = None
    named = twins.named((output, args, kwargs), new=False)
    output, args, kwargs = view(named)
    return Found(output, found.error, args, kwargs), seconds


def masks_at(
    difference: Difference, known: Observed, found: Any
) -> Masks | None:
    """Return both versions of the mask at a difference."""
    path = difference.path.rpartition("[")[0]
    old = leaf_paths(known.case.output, "output").get(path)
    new = leaf_paths(found, "output").get(path)
    if difference.kind != "values" or old is None or np.ndim(old) < 2:
        return None
    if "mask" not in known.entry.name + difference.path:
        return None
    *_, rows, columns = np.shape(old)
    sides = [
        np.asarray(x, float).reshape(-1, rows, columns) for x in (old, new)
    ]
    first = int(np.argmax(np.any(sides[0] != sides[1], axis=(1, 2))))
    if rows * columns > _LARGEST_MASK:
        return None
    return Masks(*(tuple(map(tuple, each[first].tolist())) for each in sides))


def _strong(found: Found) -> Found:
    """Return outcomes without weak types, which captured values lose."""
    arrays: list[Any] = []
    taken = take_apart([found.output, found.args, found.kwargs], arrays)
    strong = [jax.device_put(np.asarray(array)) for array in arrays]
    output, args, kwargs = fill(taken, strong)
    return Found(output, found.error, args, kwargs)
