"""Mirror of the legacy module ``sfmpe.utils``."""

from typing import Any

import jax

from tfmpe.compat.defects.l25_clamped_split import check_rows, take_rows


def split_data(
    data: Any, size: int, split: float = 0.8, shuffle_rng: Any = None
) -> tuple[Any, Any]:
    """Split the rows of a tree of arrays in two parts.

    Parameters
    ----------
    data : tree of arrays
        The sample axis is the first axis.
    size : int
        Number of rows that the arrays should have (L25).
    split : float
        Fraction of the rows in the first part, 0 to 1.
    shuffle_rng : Array, optional
        PRNG key; without it, the first part consists of the first rows.

    Returns
    -------
    train, validation : trees of arrays
        Dictionaries have sorted keys.

    Notes
    -----
    Legacy: ``sfmpe.utils.split_data``, bit for bit.
    """
    check_rows(data, size)
    return split_rows(data, size, split, shuffle_rng)


def split_rows(
    data: Any, size: int, split: float, shuffle_rng: Any
) -> tuple[Any, Any]:
    """Split like :func:`split_data`, but allow leaves of one row."""
    n_train = int(size * split)
    if shuffle_rng is None:
        parts: tuple[Any, Any] = (slice(n_train), slice(n_train, None))
    else:
        rows = jax.random.permutation(shuffle_rng, size)
        parts = (rows[:n_train], rows[n_train:])
    train, validation = (
        jax.tree.map(lambda leaf, part=part: take_rows(leaf, part), data)
        for part in parts
    )
    return train, validation
