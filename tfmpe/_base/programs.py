"""Compilation of functions into programs, of which the last used are kept."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import jax
import jax.numpy as jnp

N_PROGRAMS = 32
"""Programs of one function that are kept, unless it asks for fewer."""


_QUICK = {"xla_backend_optimization_level": 1}
"""Options of XLA with which a large program compiles in two thirds of the
time, and runs as fast: its matrix products are not LLVM's."""


def compiled(
    n_programs: int = N_PROGRAMS, *, quick: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator like ``jax.jit`` that keeps few programs.

    Parameters
    ----------
    n_programs : int
        Number of programs that are kept. Where there are more, the least
        recently used one is freed, together with what it was compiled for.
    quick : bool
        Whether to compile with fewer optimizations, for large programs.

    Returns
    -------
    callable
        The decorator. Positional arguments of the function are trees of
        arrays; keyword arguments are static, and must be hashable. It is
        compiled once for static arguments, structures and shapes that are
        equal. Its ``cache_info()`` is that of ``functools.lru_cache``.

    Notes
    -----
    ``jax.jit`` keeps every program as long as the function, which for a
    function of a module is until Python ends. Here each program has a
    function object of its own. Threads may call the function.

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

            # Of leaves, as jax keeps structures, and so layouts, elsewhere.
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
