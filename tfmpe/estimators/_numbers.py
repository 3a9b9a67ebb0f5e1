"""Numbers that users give."""

from typing import Any

import numpy as np

from tfmpe._base.static import static_int


def positive(value: Any, name: str) -> int:
    """Return a whole number above 0, or say what must be one."""
    number = static_int(value, name)
    if number < 1:
        raise ValueError(f"{name} is {number}, expected at least 1.")
    return number


def real_number(value: Any, name: str) -> float:
    """Return a number as a float; it may be NaN or infinite.

    Raises
    ------
    TypeError
        If it is not a number. Bools, strings and arrays with axes are none.
    """
    is_bool = getattr(value, "dtype", type(value)) in (bool, np.dtype(bool))
    if is_bool or not hasattr(value, "__float__") or np.ndim(value):
        raise TypeError(f"{name} is {value!r}, expected a number.")
    return float(value)
