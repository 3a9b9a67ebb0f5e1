"""Numbers of tokens in training, and a warning about other numbers."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from jax.core import Tracer

from tfmpe._base.callers import warn_at_caller
from tfmpe.estimators._training.errors import SizeWarning
from tfmpe.estimators._types import AnyTokens

Sizes: TypeAlias = dict[str, tuple[int, int]]
"""The smallest and largest number of tokens of every key."""


def sizes_of(tokens: AnyTokens) -> Sizes:
    """Return the numbers of tokens without padding, over all samples.

    Traced padding, which has no values, counts as tokens.
    """
    padding = tokens.padding
    if padding is None or isinstance(padding, Tracer) or not padding.size:
        return {
            key.name: (key.n_tokens, key.n_tokens) for key in tokens.layout.keys
        }
    real = np.asarray(padding)
    counts = {
        key.name: real[..., key.block].sum(-1) for key in tokens.layout.keys
    }
    return {name: (int(n.min()), int(n.max())) for name, n in counts.items()}


def add_sizes(known: Sizes, tokens: AnyTokens) -> None:
    """Widen the known sizes to those of further simulations."""
    for name, (fewest, most) in sizes_of(tokens).items():
        low, high = known.get(name, (fewest, most))
        known[name] = min(low, fewest), max(high, most)


def warn_other_sizes(
    training: Sizes, tokens: AnyTokens, keys: Iterable[str]
) -> None:
    """Warn if keys have fewer or more tokens than any simulation had."""
    found, others = sizes_of(tokens), []
    for name in training.keys() & set(keys):
        (fewest, most), (low, high) = found[name], training[name]
        if not low <= fewest <= most <= high:
            others.append(
                f"{_range(fewest, most)} of {name!r}, {_range(low, high)} in "
                "training"
            )
    if others:
        warn_at_caller(
            SizeWarning(
                "Other numbers of tokens than in training: "
                f"{'; '.join(sorted(others))}. Posteriors can be too narrow, "
                "too wide or in the wrong place. Train on simulations of these "
                "sizes (concatenate_tokens joins several sizes), use a "
                "HierarchicalEstimator, or correct the draws with the density "
                "of the model (corrected)."
            )
        )


def _range(fewest: int, most: int) -> str:
    return f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
