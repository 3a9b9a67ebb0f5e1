"""Simulations as training takes them: rows of one sample axis."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from tfmpe.estimators._flow.chunks import flatten_samples
from tfmpe.estimators._training.options import FitOptions
from tfmpe.preprocessing import (
    StoredDataset,
    Tokens,
    TokenView,
    train_validation_split,
)

_ROWS = 4096
"""Rows of a stored dataset that are in memory at a time, about."""


def one_axis(tokens: Any) -> Tokens:
    """Return Tokens with one sample axis.

    Raises
    ------
    TypeError
        If these are no Tokens.
    ValueError
        If there is no simulation.
    """
    if not isinstance(tokens, (Tokens, TokenView)):
        raise TypeError(
            f"Expected Tokens, got {type(tokens).__name__}. Build them with "
            "Tokens.from_pytree."
        )
    if isinstance(tokens, TokenView):
        tokens = tokens.to_tokens()
    n_axes = len(tokens.sample_shape)
    if not n_axes or 0 in tokens.sample_shape:
        raise ValueError(
            f"The tokens have the sample shape {tokens.sample_shape}, so "
            "there is no simulation to learn from. Build them with "
            "sample_ndims=1."
        )
    return tokens if n_axes == 1 else flatten_samples(tokens, n_axes)


def standardized(
    tokens: Any, standardizer: Any, keys: Iterable[str] | None = None
) -> Any:
    """Return tokens with some keys, by default all, standardized.

    Without a standardizer, None, as they are.
    """
    if standardizer is None:
        return tokens
    view = tokens.select_tokens(tokens.layout.names if keys is None else keys)
    return standardizer.forward(view).parent


def set_aside(tokens: Tokens, validation: Any, key: Any) -> tuple[Any, Any]:
    """Return simulations to train on and to validate with.

    ``validation`` is a share of the tokens, Tokens, or None.
    """
    if not isinstance(validation, float):
        return tokens, validation
    return train_validation_split(tokens, 1 - validation, key)


class StoredBatches:
    """A stored dataset as batches of some thousand rows.

    Parameters
    ----------
    dataset : StoredDataset
    batch_size : int
        Rows of a step; a batch holds a whole number of steps.
    """

    def __init__(self, dataset: StoredDataset, batch_size: int) -> None:
        self._dataset = dataset
        self._size = batch_size * max(1, _ROWS // batch_size)

    def __len__(self) -> int:
        return -(-len(self._dataset) // self._size)

    def __iter__(self) -> Iterator[Tokens]:
        for start in range(0, len(self._dataset), self._size):
            yield self._dataset[start : start + self._size]


def read_batches(batches: Any, options: FitOptions) -> tuple[Any, Tokens]:
    """Return batches that can be gone through, and the first of them.

    Raises
    ------
    TypeError
        If these are no batches, have no length, or can be gone through only
        once, unless the steps of an epoch are given.
    ValueError
        If there is no batch, or a checkpoint is wanted of an iterator.
    """
    if isinstance(batches, StoredDataset):
        batches = StoredBatches(batches, options.batch_size)
    if not isinstance(batches, Iterable):
        raise TypeError(
            "Expected Tokens, a stored dataset or an iterable of Tokens, got "
            f"{type(batches).__name__}."
        )
    kind = type(batches).__name__
    once = isinstance(batches, Iterator)
    if options.steps_per_epoch is None:
        if once:
            raise TypeError(
                f"A {kind} can be gone through only once, but "
                f"{options.n_epochs} epochs are wanted, and the first batch "
                "is looked at before. Give a TokenGenerator, a list, or "
                "another iterable that begins anew; or pass "
                "steps_per_epoch=, to go on with it in every epoch."
            )
        if not hasattr(batches, "__len__"):
            raise TypeError(
                f"A {kind} has no length, so it is not known where an epoch "
                "ends. Pass steps_per_epoch=, or give it a __len__."
            )
    elif once and options.checkpoint is not None:
        raise ValueError(
            f"A {kind} cannot begin anew, so a training from its batches "
            "cannot be continued from a checkpoint. Give an iterable that "
            "begins anew."
        )
    for batch in batches:
        first = one_axis(batch)
        return (itertools.chain([batch], batches) if once else batches), first
    raise ValueError("The generator gives no batch.")
