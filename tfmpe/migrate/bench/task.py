"""A case: one task, how each side does it, and for how much data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .agreement import same_leaves, same_tokens
from .data import Size
from .old_side import Legacy, bridge_side
from .work import Call, Work

__all__ = ["Case", "Check", "Law", "Prepare"]

Prepare = Callable[[Legacy | None, Size], Work]
"""Makes the data of a side, or of the core (None); returns what to call."""
Law = Callable[[Any, Size], None]
Check = Callable[[Any, Any], None]


@dataclass(frozen=True)
class Case:
    """One task, how each side does it, and for how much data."""

    about: str
    prepare: Prepare
    # What must hold of the core's result where it is not compared.
    law: Law | None = None
    # Compare the core and the bridge with the old side; None where the core
    # has another network, or where there is no bridge.
    same: Check | None = same_tokens
    bridge: Check | None = same_leaves
    has_new: bool = True
    jitted: bool = False  # as a whole
    oracle_only: bool = False  # a legacy package has no such call
    samples: int = 1_000  # simulations in a data set, rows, or draws
    # Sites for which all sides are asked, and for which the core only is.
    sites: tuple[int, ...] = ()
    further: tuple[int, ...] = ()
    # Recorded legacy functions that the old side has to repeat first.
    recorded: tuple[str, ...] = ()
    # Of the old side for each pair of tokens; with less it is left out.
    pair_bytes: int = 0
    slow: bool = False  # takes seconds however few sites there are

    @property
    def sides(self) -> dict[str, Check | None]:
        """How the result of each side is compared with the old one."""
        new = {"new": self.same} if self.has_new else {}
        bridge = {"bridge": self.bridge} if self.bridge else {}
        return {"old": None, **new, **bridge}

    def needs(self, side: str, size: Size) -> int:
        """Return bytes without which a side is not tried."""
        if side != "old":
            return 16 * size.value_bytes
        return 32 * size.value_bytes + self.pair_bytes * size.n_pairs

    def call(self, side: str, size: Size, legacy: Legacy) -> Call:
        """Prepare the call of a side."""
        who = bridge_side() if side == "bridge" else legacy
        work = self.prepare(None if side == "new" else who, size)
        return Call(work, self.jitted)
