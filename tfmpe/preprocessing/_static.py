"""Sizes that must be known before anything is traced."""

import operator
from typing import Any

from jax.core import Tracer

from tfmpe.preprocessing._errors import DynamicShapeError

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
        If ``value`` is not an integer.
    """
    if isinstance(value, Tracer):
        error = DynamicShapeError(_MESSAGE)
        error.add_note(
            f"{what} is the traced value {value}. Close over sizes and "
            "slices instead of passing them to the transformed function, "
            "or name them in static_argnums."
        )
        raise error
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"{what} must be an integer, not {value!r} of type "
            f"{type(value).__name__}."
        ) from None


def static_shape(value: Any, what: str) -> tuple[int, ...]:
    """Return ``value`` as a tuple of Python ints; see :func:`static_int`."""
    if isinstance(value, Tracer):
        return (static_int(value, what),)
    return tuple(static_int(size, what) for size in value)
