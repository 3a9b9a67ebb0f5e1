"""One size of a case: compare the sides, and time those that are equal."""

from typing import NamedTuple

import jax
import numpy as np

from tfmpe.migrate.records.checks import BenchRow, Side
from tfmpe.migrate.show.words import in_bytes

from .agreement import NotEqualError
from .data import Size
from .machine import available_bytes
from .old_side import Legacy
from .task import Case
from .timing import Effort, in_turn, timed
from .work import Call, stored_bytes

__all__ = ["DIFFERENT", "Checked", "check_sides", "measure_row"]

DIFFERENT = "differs: "
"""How the reason begins for which a side was left out, if it is wrong."""

# Of what is free: the rest is for what is not counted.
_SHARE_OF_MEMORY = 0.8


class Checked(NamedTuple):
    """A side whose first result was as it should be."""

    call: Call
    n_bytes: int
    first_s: float


def measure_row(
    case: Case, size: Size, legacy: Legacy, effort: Effort
) -> BenchRow:
    """Compare the sides of one size, and time those that are equal."""
    checked, left_out = check_sides(case, size, legacy, effort.forget)
    times = in_turn({side: each.call for side, each in checked.items()}, effort)
    sides = {}
    for side, (seconds, cpu, calls) in times.items():
        q1, median, q3 = map(float, np.quantile(seconds, [0.25, 0.5, 0.75]))
        call, n_bytes, first_s = checked[side]
        sides[side] = Side(
            median,
            n_bytes,
            call.compile_s or max(0.0, first_s - median),
            (q1, q3),
            float(np.median(cpu)),
            len(seconds),
            calls,
        )
    return BenchRow(size.n_sites, sides, left_out, size.n_tokens)


def check_sides(
    case: Case, size: Size, legacy: Legacy, forget: bool = False
) -> tuple[dict[str, Checked], dict[str, str]]:
    """Return what is as it should be, and why the other sides are not.

    Without an old result, as where memory does not suffice for it, only the
    core can be checked, by a law; where any side differs none is: which of
    the two is wrong is not known.
    """
    checked: dict[str, Checked] = {}
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
            result, seconds, _ = timed(call)
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
            n_bytes = call.needs or stored_bytes(result)
            checked[side] = Checked(call, n_bytes, seconds)
            old = whole if side == "old" else old
    if any(why.startswith(DIFFERENT) for why in left_out.values()):
        checked.clear()
    return checked, left_out


def _check_memory(needs: int) -> None:
    available = available_bytes()
    if available is not None and needs > _SHARE_OF_MEMORY * available:
        has = f"{in_bytes(available)} are free"
        raise MemoryError(f"needs {in_bytes(needs)} of memory, {has}")
