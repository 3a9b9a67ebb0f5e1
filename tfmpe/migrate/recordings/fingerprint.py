"""Fingerprint of everything that a legacy package's numbers depend on."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from typing import Any

import jax

KIND = ("x64", "prng_implementation", "threefry_partitionable", "device")
"""Entries that must be equal for bit-exact results."""

_FLAGS = {
    "x64": "jax_enable_x64",
    "prng_implementation": "jax_default_prng_impl",
    "threefry_partitionable": "jax_threefry_partitionable",
}

VERSIONS = ("python", "jax", "jaxlib", "numpy", "flax", "optax", "diffrax")
"""Entries that may differ, and are reported."""


def take_fingerprint(package: str | None = None) -> dict[str, Any]:
    """Return the fingerprint of this process."""
    found: dict[str, Any] = {}
    if package is not None:
        found["package"] = package
        found["package_version"], found["commit"] = _origin(package)
    for name, flag in _FLAGS.items():
        found[name] = getattr(jax.config, flag)
    found["device"] = jax.default_backend()
    found["device_kind"] = jax.devices()[0].device_kind
    found["python"] = platform.python_version()
    for name in VERSIONS[1:]:
        found[name] = _origin(name)[0]
    return found


def differing(
    recorded: Mapping[str, Any], here: Mapping[str, Any], names: tuple[str, ...]
) -> tuple[str, ...]:
    """Return descriptions of the recorded entries that differ here."""
    return tuple(
        f"{name} is {here.get(name)}, was {recorded[name]}"
        for name in names
        if name in recorded and recorded[name] != here.get(name)
    )


def _origin(package: str) -> tuple[str | None, str | None]:
    """Return a package's version and the commit that it was built from."""
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None, None
    url = json.loads(found.read_text("direct_url.json") or "{}")
    return found.version, url.get("vcs_info", {}).get("commit_id")
