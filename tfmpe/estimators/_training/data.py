"""Training data: rows along one sample axis, and batches of rows."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from tfmpe._base.arrays import flatten_samples
from tfmpe.estimators._arguments import own_tokens
from tfmpe.estimators._training.options import FitOptions
from tfmpe.estimators._types import AnyTokens, PRNGKey
from tfmpe.preprocessing import StoredDataset, Tokens, train_validation_split

_ROWS = 4096  # Rows of a stored dataset in memory at a time, roughly.


def one_axis(tokens: object) -> Tokens:
    """Return Tokens with one sample axis."""
    tokens = own_tokens(tokens, "fit")
    n_axes = len(tokens.sample_shape)
    if not n_axes or 0 in tokens.sample_shape:
        raise ValueError(
            f"The tokens have the sample shape {tokens.sample_shape}, so "
            "there is no simulation to learn from. Build them with "
            "sample_ndims=1."
        )
    return tokens if n_axes == 1 else flatten_samples(tokens, n_axes)


def set_aside(
    tokens: Tokens, validation: float | AnyTokens | None, key: PRNGKey
) -> tuple[Tokens, AnyTokens | None]:
    """Return simulations for training and for validation.

    ``validation`` is a fraction of the tokens, Tokens, or None.
    """
    if isinstance(validation, (int, float)):
        return train_validation_split(tokens, 1 - validation, key)
    return tokens, validation


class StoredBatches:
    """A stored dataset as batches of about 4,096 rows.

    A batch holds a whole number of steps of ``batch_size`` rows.
    """

    def __init__(self, dataset: StoredDataset, batch_size: int) -> None:
        self._dataset = dataset
        self._size = batch_size * max(1, _ROWS // batch_size)

    def __len__(self) -> int:
        return -(-len(self._dataset) // self._size)

    def __iter__(self) -> Iterator[Tokens]:
        for start in range(0, len(self._dataset), self._size):
            yield self._dataset[start : start + self._size]


def read_batches(
    batches: object, options: FitOptions
) -> tuple[Iterable[AnyTokens], Tokens]:
    """Return an iterable of batches, and the first batch as Tokens."""
    if isinstance(batches, Mapping):
        own_tokens(batches, "fit")
    if isinstance(batches, StoredDataset):
        batches = StoredBatches(batches, options.batch_size)
    if not isinstance(batches, Iterable):
        raise TypeError(
            "fit expects Tokens, a stored dataset or an iterable of Tokens, "
            f"got {type(batches).__name__}."
        )
    kind = type(batches).__name__
    once = isinstance(batches, Iterator)
    if options.steps_per_epoch is None:
        if once:
            raise TypeError(
                f"A {kind} can be iterated only once, but training needs "
                f"{options.n_epochs} epochs, after a look at the first batch. "
                "Pass a TokenGenerator, a list, or another iterable that "
                "starts again; or pass steps_per_epoch=, so that every epoch "
                "continues where the last one stopped."
            )
        if not hasattr(batches, "__len__"):
            raise TypeError(
                f"A {kind} has no length, so the end of an epoch is unknown. "
                "Pass steps_per_epoch=, or define its __len__."
            )
    elif once and options.checkpoint is not None:
        raise ValueError(
            f"A {kind} cannot start again, so training on its batches "
            "cannot be continued from a checkpoint. Pass an iterable that "
            "starts again."
        )
    for batch in batches:
        first = one_axis(batch)
        return (itertools.chain([batch], batches) if once else batches), first
    raise ValueError(f"The {kind} has no batches.")
