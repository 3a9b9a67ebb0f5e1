"""Sizes that must be known before anything is traced."""

import operator
from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe._base.arrays import check_unmasked
from tfmpe._base.errors import DynamicShapeError

_MESSAGE = (
    "Dynamic shape detected in JIT context. "
    "Ensure all shapes are statically known."
)


def static_int(value: Any, what: str) -> int:
    """Return ``value`` as a Python int, or say what must be one.

    Parameters
    ----------
    value : int-like
        Python or NumPy integer, or a concrete zero-dimensional array.
    what : str
        Name of the size, for the message.

    Raises
    ------
    DynamicShapeError
        If ``value`` is being traced by a jax transformation.
    TypeError
        If ``value`` is not an integer; a bool is none.
    ValueError
        If it is masked.
    """
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


def static_ints(value: Any, what: str) -> np.ndarray:
    """Return ``value`` as a one-dimensional NumPy array of integers.

    Raises
    ------
    DynamicShapeError
        If ``value``, or an entry of it, is being traced.
    TypeError
        If ``value`` is something else, or of another number of axes.
    ValueError
        If some of it is masked.
    """
    entries = value if isinstance(value, (list, tuple)) else (value,)
    for entry in entries:
        _refuse_tracer(entry, what)
    check_unmasked(value, what)
    array = np.asarray(value)
    empty = isinstance(value, (list, tuple)) and not value
    if array.ndim != 1 or not (array.dtype.kind in "iu" or empty):
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
