"""Sizes that must be known at trace time."""

import operator
from typing import Any

import numpy as np
from jax.core import Tracer

from .arrays import check_unmasked
from .errors import DynamicShapeError

_MESSAGE = (
    "Dynamic shape detected in JIT context. "
    "Ensure all shapes are statically known."
)


def static_int(value: Any, what: str) -> int:
    """Return a concrete integer (not a bool) as a Python int, or raise."""
    _refuse_tracer(value, what)
    check_unmasked(value, what)
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what} must be an integer, not {value!r} of type "
            f"{type(value).__name__}."
        ) from None


def positive(value: Any, name: str, least: int = 1) -> int:
    """Return a number as an int; raise if it is below ``least``."""
    number = static_int(value, name)
    if number < least:
        raise ValueError(f"{name} is {number}, expected at least {least}.")
    return number


def static_ints(value: Any, what: str) -> np.ndarray:
    """Return ``value`` as a one-dimensional array of integers, or raise."""
    entries = value if isinstance(value, (list, tuple)) else (value,)
    for entry in entries:
        _refuse_tracer(entry, what)
    check_unmasked(value, what)
    empty = isinstance(value, (list, tuple)) and not value
    array = np.asarray(value, int if empty else None)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(
            f"{what} must be a one-dimensional array of integers, not an "
            f"array of shape {array.shape} and dtype {array.dtype}."
        )
    return array


def _refuse_tracer(value: Any, what: str) -> None:
    if isinstance(value, Tracer):
        error = DynamicShapeError(_MESSAGE)
        error.add_note(
            f"{what} is the traced value {value}. Close over sizes and "
            "slices instead of passing them to the transformed function, "
            "or name them in static_argnums."
        )
        raise error


def static_shape(value: Any, what: str) -> tuple[int, ...]:
    """Return ``value`` as a tuple of Python ints; see :func:`static_int`."""
    if isinstance(value, Tracer):
        return (static_int(value, what),)
    return tuple(static_int(size, what) for size in value)
