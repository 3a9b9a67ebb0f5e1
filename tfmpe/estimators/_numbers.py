"""Numbers that users give."""

from typing import Any

from tfmpe._base.static import static_int


def positive(value: Any, name: str) -> int:
    """Return a whole number above 0, or say what must be one."""
    number = static_int(value, name)
    if number < 1:
        raise ValueError(f"{name} is {number}, expected at least 1.")
    return number
