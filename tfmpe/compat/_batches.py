"""Legacy batch iterators, without TensorFlow."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from tfmpe.compat.defects.l51_always_shuffled import check_shuffle
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.utils import split_data

# Size of TensorFlow's shuffle buffer, in batches.
_BUFFER = 10
_LARGEST_SEED = 2**31 - 1


class InvalidArgumentError(ValueError):
    """Invalid batch size; named like TensorFlow's error."""


class DataLoader:
    """Iterable over batches; each iteration begins at the first batch.

    Parameters
    ----------
    itr : object
        Its method ``as_numpy_iterator()`` returns a new iterator over
        batches, like the method of a ``tf.data.Dataset``.
    num_samples : int
        Number of rows; not checked.

    Attributes
    ----------
    num_samples : int

    Raises
    ------
    AttributeError
        When iterated, if ``itr`` has no ``as_numpy_iterator``.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.DataLoader``.
    """

    def __init__(self, itr: Any, num_samples: int) -> None:
        self._itr = itr
        self.num_samples = num_samples

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of a new iterator."""
        yield from self._itr.as_numpy_iterator()


@dataclass(frozen=True)
class _Rows:
    """Rows of a tree, with the methods of tf.data that are needed here."""

    data: Any
    n_rows: int
    batch_size: int = 1
    order: Callable[[], np.ndarray] | None = None
    _passes: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def from_tensor_slices(cls, data: Any) -> "_Rows":
        arrays = _map_in_order(np.asarray, data)
        counts = sorted({leaf.shape[0] for leaf in jax.tree.leaves(arrays)})
        if len(counts) != 1:
            raise ValueError(
                f"The arrays have {counts} rows; expected the same number in "
                "all. Repeat labels, masks and index for every sample first."
            )
        return cls(arrays, counts[0])

    def shuffle(
        self, buffer_size: int, seed: int, reshuffle_each_iteration: bool
    ) -> "_Rows":
        del buffer_size  # All rows fit into memory.

        def order() -> np.ndarray:
            number = next(self._passes) if reshuffle_each_iteration else 0
            return np.random.default_rng([seed, number]).permutation(
                self.n_rows
            )

        return replace(self, order=order)

    def batch(self, batch_size: int) -> "_Rows":
        if batch_size < 1:
            raise InvalidArgumentError(
                f"batch_size is {batch_size}; expected 1 or more."
            )
        return replace(self, batch_size=batch_size)

    def as_numpy_iterator(self) -> Iterator[Any]:
        rows = self.order() if self.order else np.arange(self.n_rows)
        for start in range(0, self.n_rows, self.batch_size):
            batch = rows[start : start + self.batch_size]
            yield _map_in_order(
                lambda leaf, batch=batch: leaf[batch], self.data
            )


def _map_in_order(function: Callable[[Any], Any], tree: Any) -> Any:
    """Map over the leaves; dictionaries keep the order of their keys."""

    def one(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: _map_in_order(function, v) for k, v in node.items()}
        return function(node)

    return jax.tree.map(one, tree, is_leaf=lambda node: isinstance(node, dict))


def as_numpy_iterator_from_slices(data: Any, batch_size: int) -> Iterator[Any]:
    """Return an iterator over batches of rows, without shuffling.

    Parameters
    ----------
    data : tree of arrays
        All with the same number of rows.
    batch_size : int
        1 or more; the last batch may be smaller.

    Returns
    -------
    iterator
        Yields trees of NumPy arrays; can be used only once.

    Raises
    ------
    ValueError
        If leaves differ in their number of rows, or ``batch_size`` is not
        positive (``InvalidArgumentError``).

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.as_numpy_iterator_from_slices``.
    """
    return _Rows.from_tensor_slices(data).batch(batch_size).as_numpy_iterator()


def as_batched_numpy_iterator_from_tf(
    rng_key: Any, data: Any, iter_size: int, batch_size: int, shuffle: bool
) -> DataLoader:
    """Return a loader of shuffled batches of a TensorFlow dataset.

    Parameters
    ----------
    rng_key : Array
        PRNG key that seeds the shuffling.
    data : tf.data.Dataset
        A dataset of single rows, or an object with the same methods
        ``shuffle``, ``batch`` and ``as_numpy_iterator``.
    iter_size : int
        Number of rows, stored as ``num_samples``; not checked.
    batch_size : int
        1 or more; the last batch may be smaller.
    shuffle : bool
        Whether to reshuffle before each pass. Rows are shuffled even if it is
        False (L51).

    Returns
    -------
    DataLoader

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.as_batched_numpy_iterator_from_tf``.
    """
    seed = int(jax.random.randint(rng_key, (), 0, _LARGEST_SEED))
    shuffled = data.shuffle(
        _BUFFER * batch_size, seed=seed, reshuffle_each_iteration=shuffle
    )
    return DataLoader(shuffled.batch(batch_size), iter_size)


def as_batch_iterator(
    rng_key: Any,
    data: Any,
    batch_size: int,
    shuffle: bool,
    *,
    fix: Iterable[str] | None = None,
) -> DataLoader:
    """Return a loader of batches of rows.

    Parameters
    ----------
    rng_key : Array
        PRNG key that seeds the shuffling.
    data : tree of arrays
        All with the same number of rows; has ``data['data']['y']``.
    batch_size : int
        1 or more; the last batch may be smaller.
    shuffle : bool
        Whether to reshuffle before each pass. Rows are shuffled even if it is
        False (L51).
    fix : iterable of str, optional
        ``'L51'``: rows are only shuffled if ``shuffle`` is True.

    Returns
    -------
    DataLoader
        Yields trees of NumPy arrays.

    Raises
    ------
    KeyError
        If there is no ``data['data']['y']``.
    ValueError
        If leaves differ in their number of rows, or ``batch_size`` is not
        positive (``InvalidArgumentError``).

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.as_batch_iterator``, which shuffles with
    TensorFlow: the rows are the same, but their order differs.
    """
    n_rows = data["data"]["y"].shape[0]
    rows = _Rows.from_tensor_slices(data)
    if check_shuffle(shuffle, read_fixes(fix)):
        return as_batched_numpy_iterator_from_tf(
            rng_key, rows, n_rows, batch_size, shuffle
        )
    return DataLoader(rows.batch(batch_size), n_rows)


def as_batch_iterators(
    rng_key: Any,
    data: Any,
    batch_size: int,
    split: float,
    shuffle: bool,
    *,
    fix: Iterable[str] | None = None,
) -> tuple[DataLoader, DataLoader]:
    """Split the rows in two parts and return a loader for each.

    Parameters
    ----------
    rng_key : Array
        PRNG key for splitting and shuffling.
    data : tree of arrays
        All with the same number of rows; has ``data['data']['y']``.
    batch_size : int
    split : float
        Fraction of the rows in the first part.
    shuffle : bool
        Whether to split at random, and reshuffle before each pass (L51).
    fix : iterable of str, optional
        See :func:`as_batch_iterator`.

    Returns
    -------
    train, validation : DataLoader

    Raises
    ------
    KeyError, ValueError
        See :func:`as_batch_iterator`.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.as_batch_iterators``. Each part has the
    rows of the legacy part, in a different order.
    """
    n_rows = data["data"]["y"].shape[0]
    parts = split_data(data, n_rows, split, rng_key if shuffle else None)
    train, validation = (
        as_batch_iterator(key, part, batch_size, shuffle, fix=fix)
        for key, part in zip(jax.random.split(rng_key), parts, strict=True)
    )
    return train, validation
