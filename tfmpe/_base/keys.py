"""PRNG keys: a check where users pass them, and their numbers."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_args

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


def is_key(array: object) -> bool:
    """Return whether an array consists of new-style PRNG keys."""
    dtype = getattr(array, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)


def without_keys(array: Any) -> Any:
    """Return the data of new-style PRNG keys, or another array unchanged."""
    return jax.random.key_data(array) if is_key(array) else array


def key_words(key: PRNGKey) -> list[int]:
    """Return a PRNG key as numbers, for JSON or a generator of NumPy."""
    return np.asarray(without_keys(key)).ravel().tolist()


def takes_key(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function check its argument ``key``, unless None."""
    place = list(inspect.signature(function).parameters).index("key")

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        key = args[place] if place < len(args) else kwargs.get("key")
        if key is not None:
            check_key(key)
        return function(*args, **kwargs)

    return call
