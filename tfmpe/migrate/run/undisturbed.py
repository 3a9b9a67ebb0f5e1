"""Isolation of a script's random numbers, output and logs from a call."""

import io
import logging
import random
from collections.abc import Iterator
from contextlib import (
    ExitStack,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
)
from typing import Any

import numpy as np

from tfmpe.migrate.replay.silence import silenced

Numbers = tuple[Any, Any]
"""States of the random numbers of Python and of NumPy."""


@contextmanager
def undisturbed(
    *, quiet: bool = False, begin: Numbers | None = None
) -> Iterator[None]:
    """Restore global random numbers, and suppress warnings and logs."""
    before, logged = global_numbers(), logging.root.manager.disable
    _set_numbers(begin or before)
    logging.disable(logging.CRITICAL)
    try:
        with silenced(), ExitStack() as stack:
            if quiet:
                stack.enter_context(redirect_stdout(io.StringIO()))
                stack.enter_context(redirect_stderr(io.StringIO()))
            yield
    finally:
        logging.disable(logged)
        _set_numbers(before)


def global_numbers() -> Numbers:
    """Return the states of `random` and `numpy.random`."""
    return random.getstate(), np.random.get_state()


def _set_numbers(numbers: Numbers) -> None:
    random.setstate(numbers[0])
    np.random.set_state(numbers[1])
