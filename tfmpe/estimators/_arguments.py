"""Checks of arguments that several functions share."""

import math
from typing import SupportsFloat

import numpy as np

from tfmpe._base.arrays import flatten_samples
from tfmpe._base.static import positive
from tfmpe.preprocessing import Tokens, TokenView


def positive_or_none(value: object, name: str) -> int | None:
    """Return a whole number above 0, or None."""
    return None if value is None else positive(value, name)


def real_number(value: object, name: str) -> float:
    """Return a number as a float, which may be NaN or infinite.

    Bools, strings and arrays with axes are refused.
    """
    is_bool = getattr(value, "dtype", type(value)) in (bool, np.dtype(bool))
    if (
        is_bool
        or not isinstance(value, SupportsFloat)
        or getattr(value, "ndim", 0)
    ):
        raise TypeError(f"{name} is {value!r}, expected a number.")
    return float(value)


def one_data_set(tokens: Tokens, verb: str) -> Tokens:
    """Return Tokens of one data set, with one sample axis."""
    if math.prod(tokens.sample_shape) != 1:
        raise ValueError(
            f"The observed data have the sample shape {tokens.sample_shape}, "
            f"expected one data set. {verb} each data set in a separate call."
        )
    return flatten_samples(tokens, len(tokens.sample_shape))


def own_tokens(tokens: object, caller: str) -> Tokens:
    """Return Tokens, converted from a view if necessary."""
    if isinstance(tokens, TokenView):
        return tokens.to_tokens()
    if not isinstance(tokens, Tokens):
        raise TypeError(
            f"{caller} expects Tokens, got {type(tokens).__name__}. Build "
            "them with Tokens.from_pytree."
        )
    return tokens
