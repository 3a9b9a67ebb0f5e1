"""Batches on both sides: the same rows, whatever their order.

Reading the script's iterator would use it up, so another one is made from the
same arguments. Shuffled rows come in an order of their own on each side; of
those it is compared that every row comes as often.
"""

import importlib
import inspect
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import jax
import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE, LegacyName
from tfmpe.migrate.replay.calls import call
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.comparison import Comparison
from tfmpe.migrate.replay.replay import compare_exceptions
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import copied

from .observing import Ended, raised_of
from .undisturbed import undisturbed

__all__ = ["batches_again"]


def batches_again(
    entry: LegacyName,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    package: str,
) -> Callable[[Ended], Comparison]:
    """Prepare to read the batches of a call on both sides.

    Parameters
    ----------
    entry
        ``as_batch_iterator`` or ``as_batch_iterators``.
    args, kwargs
        Its arguments.
    package
        What the legacy package is called.

    Returns
    -------
    callable
        To be called while the legacy package is not watched.
    """
    old, new = (
        getattr(importlib.import_module(f"{side}.{entry.module}"), entry.name)
        for side in (package, BRIDGE)
    )
    given, named = copied((args, kwargs))

    def compared(ended: Ended) -> Comparison:
        with silenced(), undisturbed():
            found = call(new, given, named)
            if found.error is not None or ended.error is not None:
                return compare_exceptions(raised_of(ended.error), found.error)
            bound = inspect.signature(new).bind(*given, **named)
            shuffled = bool(bound.arguments["shuffle"])
            made = found.output
            sides = made if isinstance(made, tuple) else (made,)
            most = [len(side) + 1 for side in sides]
            again = old(*given, **named)
            others = again if isinstance(again, tuple) else (again,)
            return compare(
                _read(others, most, shuffled), _read(sides, most, shuffled)
            )

    return compared


def _read(
    iterators: Iterable[Any], most: list[int], shuffled: bool
) -> dict[str, Any]:
    """Return how many rows each batch has, and the rows of all."""
    parts = [
        list(islice(iterator, n))
        for iterator, n in zip(iterators, most, strict=True)
    ]
    sizes = [[len(jax.tree.leaves(b)[0]) for b in part] for part in parts]
    batches = [batch for part in parts for batch in part]
    if not batches:
        return {"sizes": sizes}
    leaves, structures = zip(*map(jax.tree.flatten, batches), strict=True)
    rows = [np.concatenate(column) for column in zip(*leaves, strict=True)]
    if shuffled:
        order = _order(rows)
        rows = [column[order] for column in rows]
    return {"sizes": sizes, "rows": jax.tree.unflatten(structures[0], rows)}


def _order(columns: list[np.ndarray]) -> np.ndarray:
    """Return the order of the rows by their bytes."""
    n_rows = len(columns[0])
    parts = [
        np.ascontiguousarray(column).view(np.uint8).reshape(n_rows, -1)
        for column in columns
        if column.size
    ]
    joined = np.ascontiguousarray(np.concatenate(parts, 1))
    return np.argsort(joined.view(f"V{joined.shape[1]}").ravel())
