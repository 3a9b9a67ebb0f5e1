"""How many bytes results hold, and how many there are to be had."""

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
    """Return the memory where arrays are put that can still be had.

    None where it is unknown.
    """
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        if "bytes_limit" not in stats:
            return None
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return _read_kilobytes("/proc/meminfo", "MemAvailable")


def resident_bytes(which: str) -> int | None:
    """Return ``VmRSS`` (now) or ``VmHWM`` (highest) of this process."""
    return _read_kilobytes("/proc/self/status", which)


def _read_kilobytes(file: str, name: str) -> int | None:
    try:
        with open(file, encoding="ascii") as lines:
            for line in lines:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
