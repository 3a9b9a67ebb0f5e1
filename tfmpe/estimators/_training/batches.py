"""Batches of equal size, from Tokens in memory or from other batches."""

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Float, Int

from tfmpe._base.arrays import take_rows
from tfmpe.estimators._training.loop import Batches
from tfmpe.estimators._training.steps import Batch
from tfmpe.estimators._types import AnyTokens


def cut(
    tokens: AnyTokens,
    size: int,
    order: Int[np.ndarray, " rows"] | None = None,
    noise: Float[np.ndarray, "rows tokens width"] | None = None,
) -> Iterator[Batch]:
    """Cut rows into batches in a given order, and fill up the last one.

    Weights are 1 for rows that count, and 0 for rows that fill up.
    """
    n_rows = tokens.sample_shape[0]
    order = np.arange(n_rows) if order is None else order
    for start in range(0, n_rows, size):
        slots = np.arange(start, start + size)
        weights = (slots < n_rows).astype(np.float32)
        rows = order[slots % n_rows]
        starts = None if noise is None else noise[None, rows]
        yield Batch(take_rows(tokens, rows), weights, starts)


def shuffled(tokens: AnyTokens, size: int) -> Batches:
    """Return epochs over the rows of Tokens, each in a different order."""

    def batches(random: np.random.Generator) -> Iterator[Batch]:
        yield from cut(tokens, size, random.permutation(len(tokens.data)))

    return batches


def streamed(
    given: Iterable[AnyTokens],
    prepare: Callable[[AnyTokens], AnyTokens],
    size: int,
    n_steps: int | None,
    n_before: int,
) -> Batches:
    """Return epochs over batches, which are cut to ``size`` rows.

    ``prepare`` turns a batch into standardized Tokens. With ``n_steps``, each
    epoch continues where the previous one stopped, and the ``n_before`` epochs
    of an interrupted run are skipped; otherwise every epoch starts again.
    """

    def once() -> Iterator[Batch]:
        for batch in given:
            yield from cut(prepare(batch), size)

    going_on = itertools.islice(
        _repeated(once), n_before * (n_steps or 0), None
    )

    def batches(random: np.random.Generator) -> Iterator[Batch]:
        del random
        n_taken = 0
        taken = itertools.islice(going_on, n_steps) if n_steps else once()
        for each in taken:
            n_taken += 1
            yield each
        if n_steps and n_taken < n_steps:
            raise ValueError(
                f"The batches ended after {n_taken} of "
                f"steps_per_epoch={n_steps} steps, and cannot restart. Pass an "
                "iterable that starts again, or fewer steps."
            )
        if not n_taken:
            raise ValueError(
                "There are no more batches. An iterable that can be iterated "
                "only once is empty after an epoch: pass a TokenGenerator, a "
                "list, or another iterable that starts again."
            )

    return batches


def _repeated(once: Callable[[], Iterator[Batch]]) -> Iterator[Batch]:
    """Yield batches, starting again at the end unless there are none."""
    found = True
    while found:
        found = False
        for batch in once():
            found = True
            yield batch
