"""Which group every token of a ragged key belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False, repr=False)
class GroupIndex:
    """For every token of a key, its coordinate along a dimension.

    Attributes
    ----------
    name : str
        The dimension.
    size : int
        Number of groups; some may have no token.
    ids : ndarray of int32, shape (n_tokens,)
        The group of every token, 0 to ``size - 1``, in any order; read-only.

    Notes
    -----
    Hashable, compared by value; the hash is computed once, as layouts stand
    in the cache keys of compiled functions. ``np.asarray`` gives the ids.
    """

    name: str
    size: int
    ids: Any
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        ids = np.array(self.ids, np.int32)
        ids.setflags(write=False)
        object.__setattr__(self, "ids", ids)
        key = (self.name, self.size, ids.tobytes())
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, GroupIndex):
            return NotImplemented
        return (
            self._hash == other._hash
            and (self.name, self.size) == (other.name, other.size)
            and np.array_equal(self.ids, other.ids)
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return (
            np.array(self.ids, dtype) if copy else np.asarray(self.ids, dtype)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (GroupIndex, (self.name, self.size, self.ids))

    def __repr__(self) -> str:
        ids = np.array2string(self.ids, threshold=8, separator=", ")
        return f"GroupIndex({self.name!r}, {self.size}, {ids})"


def number_combinations(columns: Iterable[np.ndarray], n: int) -> np.ndarray:
    """Return a number for every combination of coordinates that occurs.

    Column by column: NumPy sorts whole rows ten times slower.

    Parameters
    ----------
    columns : iterable of ndarray of int, shape (n,)
        Coordinates along each dimension, 0 or more.
    n : int
        Number of tokens.

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0 without gaps, sorted as the combinations.
    """
    number = np.zeros(n, np.int64)
    for column in columns:
        size = int(column.max(initial=0)) + 1
        # Numbered anew, so that no product of sizes can overflow.
        number = np.unique(number * size + column, return_inverse=True)[1]
    return number


def ranks_within(numbers: np.ndarray) -> np.ndarray:
    """Return for every entry how many equal ones come before it.

    Examples
    --------
    >>> ranks_within(np.array([0, 0, 2, 1, 2])).tolist()
    [0, 1, 0, 0, 1]
    """
    order = np.argsort(numbers, kind="stable")
    sorted_numbers = numbers[order]
    ranks = np.empty(len(numbers), int)
    ranks[order] = np.arange(len(numbers)) - np.searchsorted(
        sorted_numbers, sorted_numbers
    )
    return ranks
