"""Calls that leave random numbers, output and logs of a script alone."""

import contextlib
import io
import logging
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["Numbers", "global_numbers", "undisturbed"]

Numbers = tuple[Any, Any]
"""States of the random numbers of Python and of NumPy."""


@contextlib.contextmanager
def undisturbed(
    *, quiet: bool = False, begin: Numbers | None = None
) -> Iterator[None]:
    """Put global random numbers back and log nothing.

    Examples
    --------
    >>> random.seed(3)
    >>> with undisturbed():
    ...     first = random.random()
    >>> random.random() == first
    True
    """
    before = global_numbers()
    of_logging = logging.root.manager.disable
    _set_numbers(begin or before)
    try:
        with contextlib.ExitStack() as stack:
            if quiet:
                kept = io.StringIO()
                stack.enter_context(contextlib.redirect_stdout(kept))
                stack.enter_context(contextlib.redirect_stderr(kept))
            logging.disable(logging.CRITICAL)
            yield
    finally:
        logging.disable(of_logging)
        _set_numbers(before)


def global_numbers() -> Numbers:
    """Return the states of `random` and `numpy.random`."""
    return random.getstate(), np.random.get_state()


def _set_numbers(numbers: Numbers) -> None:
    random.setstate(numbers[0])
    np.random.set_state(numbers[1])
