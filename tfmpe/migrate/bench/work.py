"""A prepared call of a benchmark, and the bytes it takes."""

import time
from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer

__all__ = ["Call", "Work", "stored_bytes"]


class Work(NamedTuple):
    """What one side does: a function and its arguments, already made."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    # Whether to compile it as a whole first, only to learn what it needs.
    ask_first: bool = False
    # Whether to call what was compiled to learn that, which is dispatched
    # more slowly, by Python, instead of compiling again.
    ahead: bool = False


class Call:
    """What is timed, eagerly or compiled as a whole: ``call()``."""

    def __init__(self, work: Work, jitted: bool = False):
        self.jitted, self._work = jitted, work
        self._known: list[Any] = []
        self._jit = jax.jit(self._traced)
        self._call = self._jit if jitted else work.function
        if jitted and work.ahead:
            self._call = lambda *args: self._compiled[0](*args)

    def __call__(self) -> Any:
        """Return a result; compiled, only the arrays that are computed."""
        return self._call(*self._work.args)

    def _traced(self, *args: Any) -> list[Any]:
        leaves, self._tree = jax.tree.flatten(self._work.function(*args))
        computed = [isinstance(leaf, Tracer) for leaf in leaves]
        pairs = list(zip(leaves, computed, strict=True))
        self._known = [None if traced else leaf for leaf, traced in pairs]
        return [leaf for leaf, traced in pairs if traced]

    def full(self, result: Any) -> Any:
        """Return a whole result: with what was known when it was traced."""
        if not self.jitted:
            return result
        rest = iter(result)
        leaves = [next(rest) if k is None else k for k in self._known]
        return jax.tree.unflatten(self._tree, leaves)

    @cached_property
    def _compiled(self) -> tuple[Callable[..., Any], float, int]:
        start = time.perf_counter()
        program = self._jit.lower(*self._work.args).compile()
        seconds = time.perf_counter() - start
        memory, used = program.memory_analysis(), 0
        if memory is not None:
            used = memory.output_size_in_bytes + memory.temp_size_in_bytes
        return program, seconds, used

    @property
    def compile_s(self) -> float | None:
        """Seconds of compiling it as a whole; None if it is not."""
        return self._compiled[1] if self.jitted else None

    @property
    def needs(self) -> int:
        """Bytes it needs, by XLA's analysis; 0 where that is not asked."""
        asked = self.jitted or self._work.ask_first
        return self._compiled[2] if asked else 0

    def bytes_of(self, result: Any) -> int:
        """Return the bytes of a result; compiled, with temporaries."""
        return (self.jitted and self.needs) or stored_bytes(result)


def stored_bytes(tree: Any) -> int:
    """Return the bytes that the arrays of a tree hold.

    Axes along which a NumPy array repeats itself (stride 0, as of
    ``numpy.broadcast_to``) are counted once: there is one copy. Arrays that
    are only shapes count as what they would hold.
    """
    return sum(map(_leaf_bytes, jax.tree.leaves(tree)))


def _leaf_bytes(leaf: Any) -> int:
    if not hasattr(leaf, "shape"):
        return getattr(leaf, "n_bytes", 0)  # of a plan of attention
    shape = leaf.shape
    if isinstance(leaf, np.ndarray):
        pairs = zip(shape, leaf.strides, strict=True)
        shape = [size if stride else min(size, 1) for size, stride in pairs]
    return prod(shape) * np.dtype(leaf.dtype).itemsize
