"""Lookup of the names that a recording calls.

Files are not trusted: a path may only name a definition of a package below a
prefix, never pass through another module, and never contain a dunder name.
"""

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from tfmpe.migrate.legacy_names import is_below as below


class AbsentError(LookupError):
    """A recorded name that the package does not have."""


class MissingPackageError(ImportError):
    """A case needs a package that is missing or unusable."""


def named(prefix: str, path: str, called: bool = True) -> Any:
    """Return an object of a package; callables must be defined in it."""
    found: Any = importlib.import_module(prefix)
    for part in path.split("."):
        if isinstance(found, ModuleType) and _is_module(found, part):
            found = importlib.import_module(f"{found.__name__}.{part}")
        else:
            known = not part.startswith("__")
            found = getattr(found, part, None) if known else None
        if isinstance(found, ModuleType) and not below(found.__name__, prefix):
            found = None
    module = getattr(found, "__module__", "") if called else prefix
    is_own = below(module, prefix.partition(".")[0])
    if found is None or isinstance(found, ModuleType) or not is_own:
        raise AbsentError(f"{prefix}.{path}")
    return found


def attribute(holder: Any, name: str) -> Any:
    """Return an attribute, but never a dunder name."""
    if name.startswith("__"):
        raise AttributeError(f"recordings may not refer to {name!r}")
    return getattr(holder, name)


def _is_module(package: ModuleType, name: str) -> bool:
    if not hasattr(package, "__path__") or not name.isidentifier():
        return False
    return bool(importlib.util.find_spec(f"{package.__name__}.{name}"))
