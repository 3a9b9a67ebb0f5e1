"""Batches on both sides: the same rows, whatever their order.

Reading the script's iterator would use it up, so another one is made from the
same arguments. The order of the rows is TensorFlow's on the legacy side; it is
compared that every row comes as often.
"""

import importlib
import inspect
from itertools import islice
from typing import Any

import jax
import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE
from tfmpe.migrate.replay.calls import call, compare_exceptions
from tfmpe.migrate.replay.compare import Comparison, compare
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import copied

from .calls import Observed, case_of
from .undisturbed import undisturbed

__all__ = ["batches_again"]


def batches_again(known: Observed, package: str) -> Comparison:
    """Read the batches of a call of the legacy package on both sides."""
    old, new = (
        getattr(importlib.import_module(f"{side}.{module}"), name)
        for module, name in [known.entry[:2]]
        for side in (package, BRIDGE)
    )
    given, named = known.args, known.kwargs
    with silenced(), undisturbed():
        found = call(new, *copied((given, named)))
        if found.error is not None or known.error is not None:
            return compare_exceptions(case_of(known).raises, found.error)
        bound = inspect.signature(new).bind(*given, **named).arguments
        n_rows = len(jax.tree.leaves(bound["data"])[0])
        args, kwargs = copied((given, named))
        again = old(*args, **kwargs)
        return compare(_read(again, n_rows), _read(found.output, n_rows))


def _read(made: Any, n_rows: int) -> dict[str, Any]:
    """Return how many rows each batch has, and the rows of all in order."""
    iterators = made if isinstance(made, tuple) else (made,)
    parts = [list(islice(iterator, n_rows + 1)) for iterator in iterators]
    sizes = [[len(jax.tree.leaves(b)[0]) for b in part] for part in parts]
    batches = [batch for part in parts for batch in part]
    if not batches:
        return {"sizes": sizes}
    leaves, structures = zip(*map(jax.tree.flatten, batches), strict=True)
    rows = [np.concatenate(column) for column in zip(*leaves, strict=True)]
    # By the bytes of all columns, since rows of any kind have them.
    keys = [
        np.ascontiguousarray(x).view(np.uint8).reshape(len(x), -1)
        for x in rows
        if x.size
    ]
    joined = np.ascontiguousarray(np.concatenate(keys, 1))
    order = np.argsort(joined.view(f"V{joined.shape[1]}").ravel())
    sorted_rows = [column[order] for column in rows]
    return {
        "sizes": sizes,
        "rows": jax.tree.unflatten(structures[0], sorted_rows),
    }
