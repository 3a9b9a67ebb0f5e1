"""Benchmark case: one task, how each side does it, and what is timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.core import Tracer

from .agreement import same_leaves, same_tokens
from .data import Size
from .old_side import Legacy, old_side


class Work(NamedTuple):
    """Work of one side: a function and its prepared arguments.

    ``options`` are compiler options, for work that is compiled as a whole.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    options: dict[str, Any] | None = None


class Call:
    """A timed call, eager or compiled as a whole: ``call()``."""

    compile_s: float | None = None  # None if called eagerly
    needs = 0  # bytes of results and temporaries (XLA); 0 if unknown
    # Size of the result, and duration of the first call.
    n_bytes, first_s = 0, 0.0

    def __init__(self, work: Work, jitted: bool = False):
        self._work, self._call, self._known = work, work.function, None
        if not jitted:
            return
        start = time.perf_counter()
        traced = jax.jit(self._traced, compiler_options=work.options)
        self._call = traced.lower(*work.args).compile()
        self.compile_s = time.perf_counter() - start
        memory = self._call.memory_analysis()
        if memory is not None:
            self.needs = memory.output_size_in_bytes
            self.needs += memory.temp_size_in_bytes

    def __call__(self) -> Any:
        """Return the result, or only its arrays if compiled."""
        return self._call(*self._work.args)

    def _traced(self, *args: Any) -> list[Any]:
        leaves, self._tree = jax.tree.flatten(self._work.function(*args))
        self._known = [None if isinstance(x, Tracer) else x for x in leaves]
        return [leaf for leaf in leaves if isinstance(leaf, Tracer)]

    def full(self, result: Any) -> Any:
        """Return the whole result, including its static parts."""
        if self._known is None:
            return result
        rest = iter(result)
        leaves = [next(rest) if k is None else k for k in self._known]
        return jax.tree.unflatten(self._tree, leaves)


Prepare = Callable[[Legacy | None, Size], Work]
"""Prepares the data of a side, or of the core (None); returns the work."""
Law = Callable[[Any, Size], None]
Check = Callable[[Any, Any], None]


@dataclass(frozen=True)
class Case:
    """One task, how each side does it, and the amount of data."""

    about: str
    prepare: Prepare
    # Check of the core's result if it is not compared.
    law: Law | None = None
    # Compare the core and the bridge with the old side; None if the core has
    # a different network, or if there is no bridge.
    same: Check | None = same_tokens
    bridge: Check | None = same_leaves
    has_new: bool = True
    jitted: bool = False  # as a whole
    oracle_only: bool = False  # legacy packages have no such call
    samples: int = 1_000  # simulations in a data set, rows, or draws
    # Numbers of sites for all sides, and further ones for the core only.
    sites: tuple[int, ...] = ()
    further: tuple[int, ...] = ()
    # Recorded legacy functions that the old side must reproduce first.
    recorded: tuple[str, ...] = ()
    # Memory for each pair of tokens, without which the old side is left out.
    pair_bytes: int = 0
    slow: bool = False  # takes seconds even for few sites

    @property
    def sides(self) -> dict[str, Check | None]:
        """Check of each side's result against the old result, by side."""
        new = {"new": self.same} if self.has_new else {}
        bridge = {"bridge": self.bridge} if self.bridge else {}
        return {"old": None, **new, **bridge}

    def needs(self, side: str, size: Size) -> int:
        """Return the minimal memory of a side, in bytes."""
        n_values = size.n_samples * size.n_tokens
        if side != "old":
            return 64 * n_values
        return 128 * n_values + self.pair_bytes * size.n_tokens**2

    def call(self, side: str, size: Size, legacy: Legacy) -> Call:
        """Prepare the call of a side."""
        who = old_side("tfmpe.compat") if side == "bridge" else legacy
        work = self.prepare(None if side == "new" else who, size)
        return Call(work, self.jitted)


def stored_bytes(tree: Any) -> int:
    """Return the bytes in a tree's arrays; broadcast axes count once."""
    return sum(map(_leaf_bytes, jax.tree.leaves(tree)))


def _leaf_bytes(leaf: Any) -> int:
    if not hasattr(leaf, "shape"):
        return getattr(leaf, "n_bytes", 0)  # an attention plan has it
    shape = leaf.shape
    if isinstance(leaf, np.ndarray):
        pairs = zip(shape, leaf.strides, strict=True)
        shape = [size if stride else min(size, 1) for size, stride in pairs]
    return prod(shape) * np.dtype(leaf.dtype).itemsize
