"""Group indices: the group of every token of a ragged key."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int, Int64, Shaped


@dataclass(frozen=True, eq=False, repr=False)
class GroupIndex:
    """Coordinate of every token of a key along a dimension.

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
    Compared by value and hashable; the hash is computed once. ``np.asarray``
    returns the ids.
    """

    name: str
    size: int
    ids: Int[np.ndarray, " tokens"]
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

    def __array__(
        self, dtype: Any = None, copy: bool | None = None
    ) -> Shaped[np.ndarray, " tokens"]:
        return (
            np.array(self.ids, dtype) if copy else np.asarray(self.ids, dtype)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (GroupIndex, (self.name, self.size, self.ids))

    def __repr__(self) -> str:
        ids = np.array2string(self.ids, threshold=8, separator=", ")
        return f"GroupIndex({self.name!r}, {self.size}, {ids})"


def number_combinations(
    columns: Iterable[Int[np.ndarray, " n"]], n: int
) -> Int64[np.ndarray, " n"]:
    """Return the rank of each row among the distinct rows, from 0."""
    number = np.zeros(n, np.int64)
    for column in columns:
        size = int(column.max(initial=0)) + 1
        # Renumbered for every column, so that the product cannot overflow.
        number = np.unique(number * size + column, return_inverse=True)[1]
    return number


def ranks_within(numbers: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Return how many equal entries come before each entry."""
    order = np.argsort(numbers, kind="stable")
    sorted_numbers = numbers[order]
    ranks = np.empty(len(numbers), int)
    ranks[order] = np.arange(len(numbers)) - np.searchsorted(
        sorted_numbers, sorted_numbers
    )
    return ranks
