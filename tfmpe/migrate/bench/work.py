"""A prepared call of a benchmark, and the bytes it takes."""

import time
from collections.abc import Callable
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


class Call:
    """What is timed, eagerly or compiled as a whole: ``call()``."""

    compile_s: float | None = None  # None where it is called eagerly
    needs = 0  # bytes of results and temporaries, by XLA; 0 if not known

    def __init__(self, work: Work, jitted: bool = False):
        self._work, self._call, self._known = work, work.function, None
        if not jitted:
            return
        start = time.perf_counter()
        self._call = jax.jit(self._traced).lower(*work.args).compile()
        self.compile_s = time.perf_counter() - start
        memory = self._call.memory_analysis()
        if memory is not None:
            used = memory.output_size_in_bytes + memory.temp_size_in_bytes
            self.needs = used

    def __call__(self) -> Any:
        """Return a result; compiled, only the arrays that are computed."""
        return self._call(*self._work.args)

    def _traced(self, *args: Any) -> list[Any]:
        leaves, self._tree = jax.tree.flatten(self._work.function(*args))
        traced = [leaf for leaf in leaves if isinstance(leaf, Tracer)]
        self._known = [None if isinstance(x, Tracer) else x for x in leaves]
        return traced

    def full(self, result: Any) -> Any:
        """Return a whole result: with what was known when it was traced."""
        if self._known is None:
            return result
        rest = iter(result)
        leaves = [next(rest) if k is None else k for k in self._known]
        return jax.tree.unflatten(self._tree, leaves)


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
