"""The benchmark's machine: description, memory, and preparation."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from tfmpe.migrate.replay.silence import silenced


def choose_device(device: str) -> str | None:
    """Make JAX use a CPU or a GPU; return why it cannot, or None."""
    platforms = {"cpu": "cpu", "gpu": "cuda,cpu"}[device]
    jax.config.update("jax_platforms", platforms)
    try:
        found = f"only a {jax.local_devices()[0].platform}"
    except RuntimeError as error:
        found = str(error)
    if found == f"only a {device}":
        return None
    return f"jax finds no {device} ({found}): omit --device"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the bridge's warnings, and turn off the compilation cache."""
    cache = "jax_enable_compilation_cache"
    before = getattr(jax.config, cache)
    jax.config.update(cache, False)
    try:
        with silenced():
            yield
    finally:
        jax.config.update(cache, before)


def machine() -> dict[str, Any]:
    """Describe the hardware and the versions without the machine's name."""
    device = jax.local_devices()[0]
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "device": device.platform,
        "device_kind": device.device_kind,
        "device_bytes": (device.memory_stats() or {}).get("bytes_limit"),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }


def available_bytes() -> int | None:
    """Return the free memory for arrays; None if it is unknown."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats["bytes_in_use"]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            about = dict(line.split(":", 1) for line in lines)
        return int(about["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return None
