"""Legacy arithmetic on shapes and token positions."""

import itertools
import operator
from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np


def prod(xs: Iterable[Any]) -> Any:
    """Return the product of the entries; 1 if there are none.

    Parameters
    ----------
    xs : iterable
        Numbers, NumPy or JAX scalars.

    Returns
    -------
    scalar
        Has the promoted type of the entries.

    Raises
    ------
    TypeError
        If entries cannot be multiplied.

    Notes
    -----
    Works under ``jit``. Legacy: ``sfmpe.util.dataloader.prod``.

    Examples
    --------
    >>> prod((2, 3)), prod(())
    (6, 1)
    """
    return reduce(operator.mul, xs, 1)


def cumsum(x: Iterable[Any]) -> list[Any]:
    """Return the running sums of the entries.

    Parameters
    ----------
    x : iterable
        Numbers, NumPy or JAX scalars.

    Notes
    -----
    Works under ``jit``. Legacy: ``sfmpe.util.dataloader.cumsum``.

    Examples
    --------
    >>> cumsum([2, 3, 4])
    [2, 5, 9]
    """
    return list(itertools.accumulate(x))


def event_indices(shape: tuple[int, ...], dim: int) -> list[np.ndarray]:
    """Return the tokens at every position along one event axis.

    Parameters
    ----------
    shape : tuple of int
        An event shape.
    dim : int
        One of its axes; may count from the end.

    Returns
    -------
    list of ndarray of int64
        For each position, the row-major indices of its tokens.

    Raises
    ------
    IndexError
        If there is no such axis.

    Notes
    -----
    Static, so safe under ``jit``. Legacy:
    ``sfmpe.util.dataloader.event_indices``.

    Examples
    --------
    >>> event_indices((2, 3), 0)
    [array([0, 1, 2]), array([3, 4, 5])]
    """
    if not -len(shape) <= dim < len(shape):
        raise IndexError(
            f"dim is {dim}, but the event shape {tuple(shape)} has "
            f"{len(shape)} axes."
        )
    tokens = np.arange(prod(shape), dtype=np.int64).reshape(shape)
    along = np.moveaxis(tokens, dim, 0)
    return [along[place].ravel() for place in range(shape[dim])]


def flatten_index_tuple(
    idx_tuple: Iterable[Any], shape: tuple[int, ...]
) -> Any:
    """Return the row-major index of a token from its coordinates.

    Parameters
    ----------
    idx_tuple : iterable of int
        One coordinate per event axis. They are not checked: a coordinate
        outside the shape gives the index of another token, or of none.
    shape : tuple of int
        The event shape.

    Returns
    -------
    int
        0 if there are no coordinates.

    Notes
    -----
    Works under ``jit``. Legacy: ``sfmpe.util.dataloader.flatten_index_tuple``.

    Examples
    --------
    >>> flatten_index_tuple((1, 0), (2, 3))
    3
    """
    index: Any = 0
    for coordinate, size in zip(idx_tuple, shape, strict=False):
        index = index * size + coordinate
    return index
