"""Comparing the sides of one size, and timing those that are equal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from .agreement import NotEqualError
from .cases import Call, Case
from .counting import available_bytes
from .legacy import Legacy
from .models import Size
from .report import DIFFERENT, Measured, Row
from .timing import Effort, first_call, in_turn

__all__ = ["Checked", "CheckedSide", "check_sides", "measure_row", "too_little"]

# Of what is free: the rest is for what is not counted.
_SHARE_OF_MEMORY = 0.8


def measure_row(
    case: Case, size: Size, legacy: Legacy, everyone: bool, effort: Effort
) -> Row:
    """Compare the sides of one size, and time those that are equal.

    Parameters
    ----------
    case : Case
    size : Size
    legacy : Legacy
        The old side.
    everyone : bool
        Whether all sides are asked, or the core alone.
    effort : Effort

    Returns
    -------
    Row
        A side that differs, or has too little memory, is left out, and the
        reason given.
    """
    checked = check_sides(case, size, legacy, everyone, effort.forget)
    times = in_turn(
        {side: each.call.call for side, each in checked.sides.items()}, effort
    )
    measured = {}
    for side, each in checked.sides.items():
        compile_s = max(0.0, each.first_s - times[side].median)
        if case.mode == "jitted" and each.call.compiled is not None:
            compile_s = each.call.compiled()[0]
        measured[side] = Measured(times[side], each.n_bytes, compile_s)
    return Row(
        size.n_sites,
        size.n_tokens,
        measured,
        checked.left_out,
        case.moves(size) if case.moves else None,
    )


@dataclass
class CheckedSide:
    """A side that was seen to say the same.

    Attributes
    ----------
    call : Call
    n_bytes : int
    first_s : float
        Seconds of the first call.
    """

    call: Call
    n_bytes: int
    first_s: float


@dataclass
class Checked:
    """The sides of one size that were seen to say the same.

    Attributes
    ----------
    sides : dict of str to CheckedSide
    left_out : dict of str to str
        The others, with the reason.
    """

    sides: dict[str, CheckedSide]
    left_out: dict[str, str]


def check_sides(
    case: Case,
    size: Size,
    legacy: Legacy,
    everyone: bool = True,
    forget: bool = False,
) -> Checked:
    """Call every side once, and compare it with the old one.

    Parameters
    ----------
    case, size, legacy, everyone
        As of `measure_row`.
    forget : bool
        Whether to forget what was compiled before every first call.

    Returns
    -------
    Checked
        Without an old result, as where memory does not suffice for it, the
        core alone, if the case has a law to check it by.
    """
    checked = Checked({}, {})
    old = None
    sides = case.sides if everyone else ("new",)
    if "old" in sides:
        old = _first(
            case, "old", size, legacy, checked, forget, lambda result: None
        )
        if old is None:
            sides = ("old", "new") if case.further_sites else ("old",)
    for side in sides:
        if side != "old":
            _first(
                case,
                side,
                size,
                legacy,
                checked,
                forget,
                partial(_checked, case, side, old, size),
            )
    if any(why.startswith(DIFFERENT) for why in checked.left_out.values()):
        # Nothing to compare with: which of the two is wrong is not known.
        checked.sides.clear()
    return checked


def _checked(case: Case, side: str, old: Any, size: Size, result: Any) -> None:
    case.check(side, result, old, size)


def _first(
    case: Case,
    side: str,
    size: Size,
    legacy: Legacy,
    checked: Checked,
    forget: bool,
    check: Callable[[Any], None],
) -> Any:
    """Make the first call of a side; note it, or why it is left out."""
    needs = case.old_needs if side == "old" else case.new_needs
    reason = too_little(needs(size))
    if reason is None:
        try:
            call = case.prepare(side, size, legacy)
            if call.compiled is not None:
                reason = too_little(call.compiled()[1])
            if reason is None:
                result, seconds = first_call(call.call, forget)
                check(result)
                checked.sides[side] = CheckedSide(
                    call, call.n_bytes(result), seconds
                )
                return result
        except NotEqualError as error:
            reason = f"{DIFFERENT}{error}"
        except (MemoryError, jax.errors.JaxRuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            reason = "out of memory"
    checked.left_out[side] = reason
    return None


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("RESOURCE_EXHAUSTED", "Out of memory")
    )


def too_little(needs: int) -> str | None:
    """Return what to say if there is less memory than that."""
    available = available_bytes()
    if available is None or needs <= _SHARE_OF_MEMORY * available:
        return None
    return (
        f"needs {needs / 1e9:.1f} GB of memory, {available / 1e9:.1f} GB "
        "are free"
    )
