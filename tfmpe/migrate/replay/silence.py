"""Environment of a replay: no warnings, all defects, fast compilation."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from tfmpe.compat import fixes, legacy_warnings

_QUICK = "jax_disable_most_optimizations"
_FLAGS = "--xla_cpu_use_fusion_emitters=false"


def compile_quickly() -> None:
    """Halve the compilation time of this process and its children.

    It must be called before JAX starts: it sets XLA flags. A jaxlib without
    them would abort, so a subprocess tries them.
    """
    flags = f"{_FLAGS} {os.environ.get('XLA_FLAGS', '')}".strip()
    tried = subprocess.run(
        [sys.executable, "-P", "-c", "import jax; jax.devices('cpu')"],
        env={"JAX_PLATFORMS": "cpu", **os.environ, "XLA_FLAGS": flags},
        capture_output=True,
    )
    if tried.returncode == 0:
        os.environ["XLA_FLAGS"] = flags


@contextmanager
def replaying() -> Iterator[None]:
    """Silence warnings like `silenced`, and compile without optimization.

    Replayed programs run only once. The settings apply to all threads that are
    started inside.
    """
    before = jax.config.read(_QUICK)
    with silenced():
        jax.config.update(_QUICK, True)
        try:
            yield
        finally:
            jax.config.update(_QUICK, before)


@contextmanager
def silenced() -> Iterator[None]:
    """Silence warnings and reproduce all defects, whatever the settings."""
    with (
        variable(legacy_warnings.VARIABLE, "ignore"),
        variable(fixes.VARIABLE, ""),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable temporarily."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        # Never unset in between: other threads may read it.
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
