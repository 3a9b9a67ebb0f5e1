"""Batches of one size: rows of Tokens, or batches that come one by one."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tfmpe._base.arrays import take_rows
from tfmpe.estimators._training.epochs import Batches


def cut(
    tokens: Any, size: int, order: Any = None
) -> Iterator[tuple[Any, np.ndarray]]:
    """Cut rows into batches, and fill the last one up with other rows.

    Parameters
    ----------
    tokens : Tokens, sample axes (rows,)
    size : int
    order : array of int, optional
        A permutation of the rows.

    Yields
    ------
    Tokens, sample axes (size,)
    ndarray of float32, shape (size,)
        1 for rows that count, 0 for those that fill up.
    """
    n_rows = tokens.sample_shape[0]
    order = np.arange(n_rows) if order is None else order
    for start in range(0, n_rows, size):
        slots = np.arange(start, start + size)
        weights = (slots < n_rows).astype(np.float32)
        yield take_rows(tokens, order[slots % n_rows]), weights


def shuffled(tokens: Any, size: int) -> Batches:
    """Return epochs over the rows of Tokens, in another order each."""

    def batches(random: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        yield from cut(tokens, size, random.permutation(len(tokens.data)))

    return batches


def streamed(
    given: Iterable[Any],
    prepare: Callable[[Any], Any],
    size: int,
    n_steps: int | None,
    n_before: int,
) -> Batches:
    """Return epochs over batches.

    Parameters
    ----------
    given : iterable of Tokens
    prepare : callable
        From a batch to standardized Tokens.
    size : int
        Rows of a step: larger batches are cut.
    n_steps : int or None
        Steps of an epoch, which goes on where the last one stopped; None
        for all batches, anew in every epoch.
    n_before : int
        Epochs before, of a training that is continued.
    """

    def once() -> Iterator[tuple[Any, Any]]:
        for batch in given:
            yield from cut(prepare(batch), size)

    going_on = itertools.islice(
        _repeated(once), n_before * (n_steps or 0), None
    )

    def batches(random: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        del random
        n_taken = 0
        taken = itertools.islice(going_on, n_steps) if n_steps else once()
        for each in taken:
            n_taken += 1
            yield each
        if n_steps and n_taken < n_steps:
            raise ValueError(
                f"The batches ended after {n_taken} of "
                f"steps_per_epoch={n_steps} steps, and cannot begin anew."
            )
        if not n_taken:
            raise ValueError(
                "The generator gave no batch. One that can be gone through "
                "only once is used up after an epoch: give a TokenGenerator, "
                "a list, or anything else that can be gone through again."
            )

    return batches


def _repeated(
    once: Callable[[], Iterator[tuple[Any, Any]]],
) -> Iterator[tuple[Any, Any]]:
    """Begin anew at the end, unless there is nothing any more."""
    last: Any = True
    while last is not None:
        last = None
        for last in once():
            yield last
