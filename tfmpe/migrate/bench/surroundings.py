"""What is changed in the process while something is measured."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from tfmpe.compat import legacy_warnings

__all__ = ["quiet"]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what the bridge warns of on purpose; store no compilation."""
    variable = legacy_warnings.VARIABLE
    before = os.environ.get(variable)
    cache = "jax_enable_compilation_cache"
    cached = getattr(jax.config, cache)
    os.environ[variable] = "ignore"
    jax.config.update(cache, False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        jax.config.update(cache, cached)
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before
