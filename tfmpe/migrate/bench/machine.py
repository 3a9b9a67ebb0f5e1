"""The machine in words, and how fast it copies."""

import os
import platform
import statistics
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["copy_bandwidth", "machine"]

_ROUNDS = 7


def machine() -> dict[str, Any]:
    """Describe the machine and the versions without naming either."""
    device = jax.local_devices()[0]
    memory = None
    if device.platform != "cpu":
        memory = (device.memory_stats() or {}).get("bytes_limit")
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "virtual": _is_virtual(),
        "device": device.platform,
        "device_kind": device.device_kind,
        "device_bytes": memory,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }


def _is_virtual() -> bool | None:
    if sys.platform != "linux":
        return None
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return "hypervisor" in file.read()
    except OSError:
        return None


def copy_bandwidth(n_bytes: int) -> float:
    """Return how many bytes per second are read and written by a copy.

    Parameters
    ----------
    n_bytes : int
        Size of the array that is copied: larger than any cache, to say
        something of the memory.

    Returns
    -------
    float
        Twice the size by the median time, of the memory that jax puts new
        arrays in.
    """
    array = jnp.ones(n_bytes // 4, jnp.float32)
    copy = jax.jit(lambda x: x + 0)
    copy(array).block_until_ready()
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        copy(array).block_until_ready()
        times.append(time.perf_counter() - start)
    return 2 * array.nbytes / statistics.median(times)
