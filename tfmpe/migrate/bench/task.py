"""A case: one task, how each side does it, and for how much data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

from .agreement import same_leaves, same_tokens
from .data import Size
from .old_side import Legacy, bridge_side
from .work import Call, Work

__all__ = ["Case", "Prepare", "prepared"]

Prepare = Callable[[Legacy | None, Size], Work]
"""Makes the data of a side, or of the core (None); returns what to call."""
Check = Callable[[Any, Any, Size], None]


@dataclass(frozen=True)
class Case:
    """One task, how each side does it, and for how much data."""

    about: str
    prepare: Prepare
    # What must hold of the core's result where it is not compared.
    law: Callable[[Any, Size], None] | None = None
    # Compare the core and the bridge with the old side; None where the core
    # has another network, or where there is no bridge.
    same: Check | None = same_tokens
    bridge: Check | None = same_leaves
    has_new: bool = True
    # Whether it is compiled as a whole.
    jitted: bool = False
    # Whether a legacy package has no such call.
    oracle_only: bool = False
    # Simulations in a data set, rows of a step, or draws.
    samples: int = 1_000
    # Sites for which all sides are asked, and for which the core only is.
    sites: tuple[int, ...] = ()
    further: tuple[int, ...] = ()
    # Recorded legacy functions that the old side has to repeat first.
    recorded: tuple[str, ...] = ()
    # Bytes without which the old side is left out; what is compiled as a
    # whole is asked in any case.
    old_needs: Callable[[Size], int] = lambda size: 0
    # Whether a call takes seconds however few sites there are.
    slow: bool = False

    @property
    def sides(self) -> dict[str, Check | None]:
        """How the result of each side is compared with the old one."""
        has = {"old": True, "new": self.has_new, "bridge": self.bridge}
        checks = {"old": None, "new": self.same, "bridge": self.bridge}
        return {side: checks[side] for side in has if has[side]}

    def call(self, side: str, size: Size, legacy: Legacy) -> Call:
        """Prepare the call of a side."""
        who = bridge_side() if side == "bridge" else legacy
        work = self.prepare(None if side == "new" else who, size)
        return Call(work, self.jitted)


def prepared(
    inputs: Callable[[Legacy | None, Size], tuple[Any, ...]],
    old: Callable[..., Any],
    new: Callable[..., Any],
) -> Prepare:
    """Return a task done as ``old(side, *inputs)`` or ``new(*inputs)``."""

    def prepare(side: Legacy | None, size: Size) -> Work:
        made = jax.block_until_ready(inputs(side, size))
        return Work(new if side is None else partial(old, side), made)

    return prepare
