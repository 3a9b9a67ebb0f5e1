"""Defect L20: one ``nnx.Rngs`` shared by all instances without their own."""

import functools
import itertools
from collections.abc import Collection
from typing import Any, TypeVar, cast

from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.legacy_warnings import LegacyWarning

Streams = TypeVar("Streams")
"""``nnx.Rngs``, which is only imported when one is created."""

_own_seeds = itertools.count()
_users: dict[str, int] = {}


class SharedRngsWarning(LegacyWarning):
    """Random numbers depend on what other instances drew (L20)."""

    code = "L20"


@functools.cache
def _shared(owner: str) -> Any:
    """Return the object that a class shares, created at its first use."""
    from flax import nnx

    del owner
    return nnx.Rngs(0)


def or_shared(
    rngs: Streams | None, owner: str, fixes: Collection[str] | None = None
) -> Streams:
    """Return the ``rngs`` of an instance: the given object, or a shared one.

    Parameters
    ----------
    rngs : nnx.Rngs or None
        The argument of the instance.
    owner : str
        Path of its class, whose instances share one object.
    fixes : collection of str, optional
        By default read from ``TFMPE_COMPAT_FIX``. With L20, every instance gets
        its own object, with the seeds 0, 1, 2, …
    """
    if rngs is not None:
        return rngs
    if "L20" in (read_fixes() if fixes is None else fixes):
        from flax import nnx

        return cast(Streams, nnx.Rngs(next(_own_seeds)))
    _users[owner] = _users.get(owner, 0) + 1
    if _users[owner] > 1:
        SharedRngsWarning.warn(
            f"this is {owner.rpartition('.')[2]} number {_users[owner]} "
            "without rngs; all of them draw from one nnx.Rngs(0), so the "
            "draws of each depend on the others. Pass rngs=nnx.Rngs(seed), "
            "or fix=['L20']."
        )
    return _shared(owner)
