"""Counts, durations, sizes and ratios as text."""

import math

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_BYTES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number and its noun.

    Examples
    --------
    >>> counted(1, "file"), counted(0, "file"), counted(2, "is", "are")
    ('1 file', '0 files', '2 are')
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def in_seconds(seconds: float | None) -> str:
    """Return a duration in a suitable unit, or ``-`` for None.

    Examples
    --------
    >>> in_seconds(0.0123), in_seconds(123.4), in_seconds(None)
    ('12.3 ms', '123 s', '-')
    """
    return _scaled(seconds, _SECONDS)


def in_bytes(n_bytes: float | None) -> str:
    """Return a size in a suitable unit, or ``-`` for None."""
    return _scaled(n_bytes, _BYTES)


def ratio(old: float | None, new: float | None) -> str:
    """Return the ratio of old to new, or ``-`` if it is unknown."""
    if old is None or new is None or not new:
        return "-"
    return f"{_digits(old / new)}x"


def _scaled(value: float | None, units: tuple[tuple[float, str], ...]) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    size, unit = next((u for u in units if abs(value) >= u[0]), units[-1])
    return f"{_digits(value / size)} {unit}" if value else f"0 {unit}"


def _digits(value: float) -> str:
    """Return a number with three digits, or all digits of an integer part."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
