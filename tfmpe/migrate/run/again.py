"""A call of the legacy package, made again on the bridge and compared."""

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
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import (
    arrays_of,
    fill,
    leaf_paths,
    n_bytes,
    take_apart,
)

from .batches import batches_again
from .calls import Observed, case_of
from .tolerances import BATCHES, TRAINING, matching, tolerance_of
from .twins import Twins
from .twins_reach import of_bridge
from .twins_state import NoTwinError, has_weights, view
from .undisturbed import undisturbed

__all__ = ["VIEWED", "Again", "call_again", "compare_again", "masks_at"]

VIEWED = ("args", "kwargs", "args_after", "kwargs_after", "output")
"""What is compared of a call, besides the state of objects."""

_LARGEST_MASK = 10_000


class Again(NamedTuple):
    """What a call came to on the bridge, and how that compares."""

    comparison: Comparison
    output: Any = None
    seconds: float = 0.0
    bytes_old: int = 0
    bytes_new: int = 0


def compare_again(known: Observed, twins: Twins, package: str) -> Again:
    """Make a call of the legacy package on the bridge, and compare."""
    if known.entry.name in BATCHES:
        return Again(batches_again(known, package))
    found, seconds = call_again(known, twins)
    if known.traced and known.error is None:
        found = _strong(found)
    viewed = {name: view(getattr(known, name)) for name in VIEWED}
    case = replace(case_of(known), **viewed)
    of_network = known.instance is not None and any(
        has_weights(path) for _, path in known.state
    )
    tolerance = tolerance_of(known.entry.name, of_network)
    comparison = compare_call(case, found, tolerance)
    if known.error is None:
        old, new = twins.sides(known.state_after)
        comparison += compare(old, new, "state", tolerance)
    sizes = n_bytes(case.output), n_bytes(found.output)
    return Again(comparison, found.output, seconds, *sizes)


def call_again(known: Observed, twins: Twins) -> tuple[Found, float]:
    """Make a call on the bridge; return what it came to, and its seconds.

    Objects are named in it. Raises `NoTwinError` as `compare_again`.
    """
    entry = known.entry
    trains = matching(entry.name, TRAINING) is not None
    twins.load(known.state)
    args, kwargs = twins.filled((known.args, known.kwargs))
    if entry.kind == "method":
        twin = twins.filled(known.instance)
        if not is_below(type(twin).__module__, BRIDGE):
            kind = type(twin).__qualname__
            raise NoTwinError(f"its class {kind} is the script's own")
        function = getattr(twin, entry.name.rpartition(".")[2])
    else:
        function = of_bridge(entry.module, entry.name)
    start = time.perf_counter()
    with silenced(), undisturbed(quiet=trains, begin=known.numbers):
        found = call(function, args, kwargs)
        if not known.traced:
            jax.block_until_ready(arrays_of(found.output))
    seconds = time.perf_counter() - start
    output = found.output
    if entry.kind == "class" and known.instance is not None:
        if found.error is None:
            twins.give(known.instance, output)
        output = None
    after = view(twins.named((args, kwargs), new=False))
    output = view(twins.named(output, new=False))
    return Found(output, found.error, *after), seconds


def masks_at(
    difference: Difference, known: Observed, found: Any
) -> Masks | None:
    """Return both versions of the mask that a difference is in."""
    of_masks = "mask" in known.entry.name or "'masks'" in difference.path
    if difference.kind != "values" or not of_masks:
        return None
    old, new = leaf_paths(known.output, "output"), leaf_paths(found, "output")
    for path in old.keys() & new.keys():
        pair = np.asarray(old[path]), np.asarray(new[path])
        if not difference.path.startswith(path) or pair[0].ndim < 2:
            continue
        first, second = (m.reshape(-1, *m.shape[-2:]) for m in pair)
        differ = np.any(first != second, axis=(1, 2))
        if first[0].size <= _LARGEST_MASK and differ.any():
            row = int(np.argmax(differ))
            return Masks(*(_rows(side[row]) for side in (first, second)))
    return None


def _rows(mask: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in mask)


def _strong(found: Found) -> Found:
    """Return what was found without weak types, which captured values lose."""
    arrays: list[Any] = []
    taken = take_apart([found.output, found.args, found.kwargs], arrays)
    strong = [jax.device_put(np.asarray(array)) for array in arrays]
    output, args, kwargs = fill(taken, strong)
    return Found(output, found.error, args, kwargs)
