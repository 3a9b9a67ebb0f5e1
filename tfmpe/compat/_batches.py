"""Legacy batch iterators, without TensorFlow."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np


class BatchIterator:
    """Batches of a tree of arrays, as often as it is iterated.

    Attributes
    ----------
    num_samples : int
        Number of rows.
    batch_size : int
        Rows in a batch; the last may have fewer.

    Notes
    -----
    Pass ``i`` over the data is shuffled by ``fold_in(rng_key, i)``, so an
    iterator made anew from the same key gives the same batches.
    """

    def __init__(
        self, rng_key: Any, data: Any, batch_size: int, shuffle: bool
    ) -> None:
        self.num_samples = _n_rows(data)
        self.batch_size = batch_size
        self._data = jax.tree.map(np.asarray, data)
        self._rng_key = rng_key
        self._shuffle = shuffle
        self._epoch = 0

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-self.num_samples // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        rows = np.arange(self.num_samples)
        if self._shuffle:
            key = jax.random.fold_in(self._rng_key, self._epoch)
            rows = np.asarray(jax.random.permutation(key, self.num_samples))
        self._epoch += 1
        for start in range(0, self.num_samples, self.batch_size):
            batch = rows[start : start + self.batch_size]
            yield jax.tree.map(
                lambda leaf, batch=batch: leaf[batch], self._data
            )


def as_batch_iterator(
    rng_key: Any, data: Any, batch_size: int, shuffle: bool
) -> BatchIterator:
    """Return an iterator over batches of rows.

    Parameters
    ----------
    rng_key : Array
        PRNG key for shuffling.
    data : tree of arrays
        All with equally many rows.
    batch_size : int
        1 or more; the last batch may be smaller.
    shuffle : bool

    Returns
    -------
    BatchIterator
        Of trees of NumPy arrays.

    Raises
    ------
    ValueError
        If leaves differ in their number of rows, or ``batch_size`` is not
        positive.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.as_batch_iterator``, which shuffles with
    TensorFlow: the batches are others, the rows the same.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, not {batch_size}.")
    return BatchIterator(rng_key, data, batch_size, shuffle)


def as_batch_iterators(
    rng_key: Any, data: Any, batch_size: int, split: float, shuffle: bool
) -> tuple[BatchIterator, BatchIterator]:
    """Split rows in two and return a batch iterator over each part.

    Parameters
    ----------
    rng_key : Array
        PRNG key for splitting and shuffling.
    data : tree of arrays
        All with equally many rows.
    batch_size : int
    split : float
        Share of the rows in the first part, 0 to 1.
    shuffle : bool
        Whether rows are drawn at random for the parts, and batches shuffled.

    Returns
    -------
    train, validation : BatchIterator

    Raises
    ------
    ValueError
        As :func:`as_batch_iterator`, or if ``split`` is no share.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.as_batch_iterators``.
    """
    if not 0 <= split <= 1:
        raise ValueError(f"split must lie between 0 and 1, not {split}.")
    n_rows = _n_rows(data)
    keys = jax.random.split(rng_key, 3)
    rows = np.arange(n_rows)
    if shuffle:
        rows = np.asarray(jax.random.permutation(keys[0], n_rows))
    n_train = int(n_rows * split)
    train, validation = (
        as_batch_iterator(
            key,
            jax.tree.map(lambda leaf, part=part: np.asarray(leaf)[part], data),
            batch_size,
            shuffle,
        )
        for key, part in zip(
            keys[1:], (rows[:n_train], rows[n_train:]), strict=True
        )
    )
    return train, validation


def _n_rows(data: Any) -> int:
    counts = {np.shape(leaf)[0] for leaf in jax.tree.leaves(data)}
    if len(counts) != 1:
        raise ValueError(
            "All arrays must have equally many rows, but they have "
            f"{sorted(counts)}."
        )
    return counts.pop()
