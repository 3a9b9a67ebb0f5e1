"""PRNG keys: a check where users pass them, and their numbers."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import AnyArray, PRNGKey

P = ParamSpec("P")
R = TypeVar("R")


def check_key(key: object) -> None:
    """Raise a TypeError unless the argument is one PRNG key."""
    if isinstance(key, get_args(PRNGKey)):
        return
    what = repr(key)
    if isinstance(key, AnyArray):
        what = f"an array of shape {key.shape} and dtype {key.dtype}"
    raise TypeError(
        f"key is {what}, expected one PRNG key. Pass jax.random.key(0)."
    )


def key_words(key: PRNGKey) -> list[int]:
    """Return a PRNG key as numbers, for JSON or a generator of NumPy."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return np.asarray(key).ravel().tolist()


def takes_key(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function check its keyword argument ``key``, unless None."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("key") is not None:
            check_key(kwargs["key"])
        return function(*args, **kwargs)

    return call
