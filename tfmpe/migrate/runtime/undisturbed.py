"""Calling a script's functions once more without its noticing."""

import contextlib
import io
import logging
import random
from collections.abc import Iterator

import numpy as np

__all__ = ["undisturbed"]


@contextlib.contextmanager
def undisturbed(*, quiet: bool = False) -> Iterator[None]:
    """Put global random numbers back, log nothing, and print nothing if told.

    Those of the modules `random` and `numpy.random`; keys of jax are values,
    which nobody can use up.

    Parameters
    ----------
    quiet
        Whether what is printed is kept. It would also keep what a program of
        the script that still runs prints, so the script is to be waited for.

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
    of_logging = logging.root.manager.disable
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
        random.setstate(of_python)
        np.random.set_state(of_numpy)
