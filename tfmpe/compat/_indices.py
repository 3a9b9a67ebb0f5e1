"""Legacy arithmetic of token positions."""

import numpy as np


def event_indices(event_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the coordinates of every token of an event shape, row-major.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.event_indices``.

    Examples
    --------
    >>> event_indices((2, 2))
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    return list(np.ndindex(*event_shape))


def flatten_index_tuple(
    index: tuple[int, ...], event_shape: tuple[int, ...]
) -> int:
    """Return the position of the token at some coordinates, row-major.

    Raises
    ------
    ValueError
        If the coordinates lie outside the event shape.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.flatten_index_tuple``.

    Examples
    --------
    >>> flatten_index_tuple((1, 0), (2, 3))
    3
    """
    if not event_shape and not index:
        return 0
    return int(np.ravel_multi_index(index, event_shape))
