"""Calls of the user's functions in bottom-up training."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax

_KEY_NAMES = ("seed", "key", "rng", "rng_key", "prng_key", "random_key")


def call(function: Callable[..., Any], *args: Any, key: Any = None) -> Any:
    """Call a function with as many of the arguments as it takes.

    Parameters
    ----------
    function : callable
    *args
        In order; surplus arguments at the end are omitted.
    key : key array, optional
        Passed to a parameter with a typical name (``seed``, ``key``, ``rng``,
        …), or as the first argument if there is none.
    """
    names = _names(function)
    if names is None:
        return function(*args) if key is None else function(key, *args)
    given = {}
    if key is not None:
        key_name = next((n for n in names if n.lower() in _KEY_NAMES), names[0])
        names.remove(key_name)
        given[key_name] = key
    given.update(zip(names, args, strict=False))
    return function(**given)


def draw(source: Any, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
    """Return draws of a distribution; other objects are returned unchanged.

    Distributions may be from TensorFlow Probability
    (``sample(shape, seed=key)``) or NumPyro (``sample(key, shape)``).
    """
    if isinstance(source, Mapping) or not hasattr(source, "sample"):
        return source
    if "key" in inspect.signature(source.sample).parameters:
        return source.sample(key, sample_shape)
    return source.sample(sample_shape, seed=key)


def draw_index(f_in: Any, args: Any, key: Any, n: int) -> dict[str, Any] | None:
    """Return functional inputs from a function or a tree.

    Parameters
    ----------
    f_in : callable, mapping, or None
        A tree, or a function of ``args`` that returns a tree or distribution.
    args : tuple, or None
    key : key array
    n : int
        Number of draws from a distribution.
    """
    if f_in is None:
        return None
    if callable(f_in):
        given = args if isinstance(args, tuple | list) else (args,)
        f_in = f_in(*(() if args is None else given))
    return draw(f_in, key, (n,))


def repeated(tree: Any, n: int) -> Any:
    """Broadcast a tree of arrays with 1 or ``n`` rows to ``n`` rows."""
    return jax.tree.map(
        lambda leaf: jax.numpy.broadcast_to(leaf, (n, *leaf.shape[1:])), tree
    )


def _names(function: Any) -> list[str] | None:
    """Return the parameter names, or None if one is ``*args`` or similar."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = {parameter.kind for parameter in parameters}
    if not kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}:
        return None
    return [parameter.name for parameter in parameters]
