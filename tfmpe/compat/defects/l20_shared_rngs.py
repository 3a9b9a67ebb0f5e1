"""L20: instances without random numbers of their own share one object."""

import functools
import itertools
from collections.abc import Callable, Collection
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning

_own_seeds = itertools.count()
_users: dict[str, int] = {}


class SharedRngsWarning(LegacyWarning):
    """Random numbers depend on what other instances drew (L20)."""

    code = "L20"


@functools.cache
def _shared(owner: str, make: Callable[[int], Any]) -> Any:
    """Return the one object of a class, made at its first use."""
    del owner
    return make(0)


def default_rngs(
    owner: str, make: Callable[[int], Any], fixes: Collection[str]
) -> Any:
    """Return the random numbers of an instance that was given none.

    Parameters
    ----------
    owner : str
        Name of its class; each has one object.
    make : callable
        ``nnx.Rngs``: random numbers from a seed.
    fixes : collection of str
        With L20, every instance gets its own: seeds 0, 1, 2, …
    """
    if "L20" in fixes:
        return make(next(_own_seeds))
    _users[owner] = _users.get(owner, 0) + 1
    if _users[owner] > 1:
        SharedRngsWarning.warn(
            f"this is {owner} number {_users[owner]} without rngs; all of "
            "them draw from one nnx.Rngs(0), so what one draws depends on "
            "the others. Pass rngs=nnx.Rngs(seed), or fix=['L20']."
        )
    return _shared(owner, make)
