"""Both versions of a mask of attention that differs."""

import numpy as np

from tfmpe.migrate.replay.comparison import Difference
from tfmpe.migrate.replay.trees import leaf_paths

from .observing import Observed

__all__ = ["masks_at"]

_LARGEST = 10_000


def masks_at(
    difference: Difference, known: Observed, found: object
) -> dict[str, list[list[float]]] | None:
    """Return two versions of the mask that a difference is in.

    Parameters
    ----------
    difference
        Where and what.
    known
        The legacy call.
    found
        What the bridge returned.

    Returns
    -------
    dict or None
        ``'old'`` and ``'new'``, each rows of numbers: the first of a stack
        that differ. None for anything but masks of one shape.
    """
    of_masks = "mask" in known.entry.name or "'masks'" in difference.path
    if difference.kind != "values" or not of_masks:
        return None
    old, new = leaf_paths(known.output, "output"), leaf_paths(found, "output")
    for path, mask in old.items():
        if not difference.path.startswith(path) or path not in new:
            continue
        pair = np.asarray(mask), np.asarray(new[path])
        if pair[0].ndim < 2 or pair[0].shape != pair[1].shape:
            return None
        first, second = (m.reshape(-1, *m.shape[-2:]) for m in pair)
        differ = np.any(first != second, axis=(1, 2))
        if first[0].size > _LARGEST or not differ.any():
            return None
        row = int(np.argmax(differ))
        return {"old": first[row].tolist(), "new": second[row].tolist()}
    return None
