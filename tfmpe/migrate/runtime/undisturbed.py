"""Calling a script's functions once more without its noticing."""

import contextlib
import io
import random
from collections.abc import Iterator

import numpy as np

__all__ = ["undisturbed"]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep what is printed, and put global random numbers back.

    Those of the modules `random` and `numpy.random`; keys of jax are values,
    which nobody can use up.

    Yields
    ------
    None

    Examples
    --------
    >>> random.seed(3)
    >>> with undisturbed():
    ...     first = random.random()
    >>> random.random() == first
    True
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
