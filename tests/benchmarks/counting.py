"""How many bytes results hold."""

from math import prod
from typing import Any

import jax
import numpy as np


def stored_bytes(tree: Any) -> int:
    """Return the bytes that the arrays of a tree hold.

    Axes along which a NumPy array repeats itself (stride 0, as of
    ``numpy.broadcast_to``) are counted once: there is one copy. Arrays that
    are only shapes count as what they would hold.
    """
    return sum(_leaf_bytes(leaf) for leaf in jax.tree.leaves(tree))


def _leaf_bytes(leaf: Any) -> int:
    if isinstance(leaf, np.ndarray):
        sizes = [
            size if stride else min(size, 1)
            for size, stride in zip(leaf.shape, leaf.strides, strict=True)
        ]
        return prod(sizes) * leaf.itemsize
    if not hasattr(leaf, "shape"):
        return 0
    return prod(leaf.shape) * np.dtype(leaf.dtype).itemsize


def available_bytes() -> int | None:
    """Return the memory that can still be had, or None where unknown."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def resident_bytes(which: str) -> int | None:
    """Return ``VmRSS`` (now) or ``VmHWM`` (highest) of this process."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(f"{which}:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
