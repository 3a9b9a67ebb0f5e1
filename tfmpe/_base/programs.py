"""Compiled functions that keep only the most recently used programs."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import jax
import jax.numpy as jnp

N_PROGRAMS = 32
"""Number of programs that are kept per function, by default."""


_QUICK = {"xla_backend_optimization_level": 1}
"""XLA options for large programs: the gradient of a small network compiles in
8.5 instead of 11 CPU seconds, and runs as fast."""


def compiled(
    n_programs: int = N_PROGRAMS, *, quick: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator like ``jax.jit`` that keeps few programs.

    Positional arguments of the function are trees of arrays; keyword arguments
    are static and hashable. The least recently used program is freed, together
    with its static arguments; ``jax.jit`` keeps all programs as long as the
    function exists. ``quick`` compiles with fewer optimizations, for large
    programs. ``cache_info()`` works as in ``functools.lru_cache``.

    Examples
    --------
    >>> @compiled(n_programs=1)
    ... def scale(x, *, by):
    ...     return by * x
    >>> [float(scale(3.0, by=by)) for by in (2, 2, 5)]
    [6.0, 6.0, 15.0]
    >>> scale.cache_info()
    CacheInfo(hits=1, misses=2, maxsize=1, currsize=1)
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @lru_cache(n_programs)
        def program(structure: Any, shapes: Any, **static: Any) -> Any:
            del shapes

            @wraps(function)
            def run(leaves: Any) -> Any:
                arrays = jax.tree.unflatten(structure, leaves)
                return function(*arrays, **static)

            # Takes leaves, because jax also caches structures, with layouts.
            fewest = jax.config.read("jax_disable_most_optimizations")
            options = _QUICK if quick and not fewest else None
            return jax.jit(run, compiler_options=options)

        @wraps(function)
        def call(*arrays: Any, **static: Any) -> Any:
            leaves, structure = jax.tree.flatten(arrays)
            shapes = tuple(map(jnp.shape, leaves))
            return program(structure, shapes, **static)(leaves)

        call.cache_info = program.cache_info  # pyright: ignore
        return call

    return decorate
