"""Compiled functions that keep only the most recently used programs."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache, wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

N_PROGRAMS = 32
"""Number of programs that are kept per function, by default."""


_QUICK = {"xla_backend_optimization_level": 1}
"""XLA options for large programs: the gradient of a small network compiles in
8.5 instead of 11 CPU seconds, and runs as fast."""

_ONE_THREAD = (
    {"xla_cpu_multi_thread_eigen": False},
    {"xla_cpu_experimental_ynn_fusion_type": ""},
)
"""XLA options that compute each matrix product in one thread. Products are many
and small here: on two cores, training in ``tfmpe demo`` makes 46 steps per
second with several threads and 94 with one, and drawing takes a quarter less
time. More cores were not measured."""

_FEW_CORES = 4


def compiled(
    n_programs: int = N_PROGRAMS, *, quick: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator like ``jax.jit`` that keeps few programs.

    Positional arguments of the function are trees of arrays; keyword arguments
    are static and hashable. The least recently used program is freed, together
    with its static arguments; ``jax.jit`` keeps all programs as long as the
    function exists. With ``quick``, options for large programs are used, except
    within ``jit``, ``grad`` or ``vmap``. ``cache_info()`` works as in
    ``functools.lru_cache``.

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
        def program(
            structure: Any, shapes: Any, options: bool, **static: Any
        ) -> Any:
            del shapes

            @wraps(function)
            def run(leaves: Any) -> Any:
                arrays = jax.tree.unflatten(structure, leaves)
                return function(*arrays, **static)

            # Takes leaves, as JAX caches tree structures, which hold layouts.
            return jax.jit(
                run,
                compiler_options=large_program_options() if options else None,
            )

        @wraps(function)
        def call(*arrays: Any, **static: Any) -> Any:
            leaves, structure = jax.tree.flatten(arrays)
            shapes = tuple(map(jnp.shape, leaves))
            # Within another transformation, options would be an error.
            traced = any(isinstance(leaf, Tracer) for leaf in leaves)
            options = quick and not traced
            return program(structure, shapes, options, **static)(leaves)

        call.cache_info = program.cache_info  # pyright: ignore
        return call

    return decorate


def large_program_options() -> dict[str, Any] | None:
    """Return XLA options for large programs, such as training steps.

    They were measured on CPUs only, so other devices have none.
    """
    unoptimized = jax.config.read("jax_disable_most_optimizations")
    if unoptimized or jax.default_backend() != "cpu":
        return None
    return _QUICK | _one_thread()


@cache
def _one_thread() -> dict[str, Any]:
    """Return the supported ``_ONE_THREAD`` options, on CPUs with few cores."""
    options: dict[str, Any] = {}
    if (os.cpu_count() or 1) <= _FEW_CORES:
        for option in _ONE_THREAD:
            program = jax.jit(jnp.negative, compiler_options=option)
            with suppress(jax.errors.JaxRuntimeError):
                program.lower(0.0).compile()
                options |= option
    return options
