"""Lazily imported names and submodules."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazily(
    module: str, names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a module.

    Parameters
    ----------
    module : str
        Its ``__name__``. A package gets all public submodules as attributes.
    names : mapping of str
        Further names, each with the full name of the module that defines it.

    Examples
    --------
    ``__getattr__, __dir__ = lazily(__name__, {"SFMPE": "tfmpe.compat.sfmpe"})``
    """
    defined_in = names or {}

    def get(name: str) -> Any:
        if name in defined_in:
            return getattr(importlib.import_module(defined_in[name]), name)
        full = f"{module}.{name}"
        if not name.startswith("_") and _is_package(module):
            try:
                return importlib.import_module(full)
            except ModuleNotFoundError as error:
                if error.name != full:
                    raise
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    def listed() -> list[str]:
        own = {*vars(sys.modules[module]), *defined_in}
        if _is_package(module):
            path = sys.modules[module].__path__
            own |= {found.name for found in pkgutil.iter_modules(path)}
        return sorted(own)

    return get, listed


def _is_package(module: str) -> bool:
    return hasattr(sys.modules[module], "__path__")
