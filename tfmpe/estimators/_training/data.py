"""Simulations as training takes them: rows of one sample axis."""

from collections.abc import Iterable, Iterator
from typing import Any

from tfmpe.estimators._flow.chunks import flatten_samples
from tfmpe.preprocessing import Tokens, TokenView, train_validation_split


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


def standardised(
    tokens: Any, standardiser: Any, keys: Iterable[str] | None = None
) -> Any:
    """Return tokens with some keys, by default all, standardised.

    Without a standardiser, None, as they are.
    """
    if standardiser is None:
        return tokens
    view = tokens.select_tokens(tokens.layout.names if keys is None else keys)
    return standardiser.forward(view).parent


def set_aside(tokens: Tokens, validation: Any, key: Any) -> tuple[Any, Any]:
    """Return simulations to train on and to validate with.

    ``validation`` is a share of the tokens, Tokens, or None.
    """
    if not isinstance(validation, float):
        return tokens, validation
    if not 0 < validation < 1:
        raise ValueError(
            f"validation is {validation}, expected a share between 0 and 1, "
            "or Tokens."
        )
    return train_validation_split(tokens, 1 - validation, key)


def first_batch(batches: Any, n_epochs: int) -> Tokens:
    """Return the first of some batches, which can be gone through again.

    Raises
    ------
    TypeError
        If these are no batches, or can be gone through only once.
    ValueError
        If there is none.
    """
    if not isinstance(batches, Iterable):
        raise TypeError(
            f"Expected Tokens or an iterable of Tokens, got "
            f"{type(batches).__name__}."
        )
    if isinstance(batches, Iterator):
        raise TypeError(
            f"A {type(batches).__name__} can be gone through only once, but "
            f"{n_epochs} epochs are wanted, and the first batch is looked at "
            "before. Give a TokenGenerator, a list, or another iterable that "
            "begins anew."
        )
    for batch in batches:
        return one_axis(batch)
    raise ValueError("The generator gives no batch.")


def n_batches_of(batches: Any) -> int:
    """Return the number of batches, counting them if need be."""
    if hasattr(batches, "__len__"):
        return len(batches)
    return sum(1 for _ in batches)
