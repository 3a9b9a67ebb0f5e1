"""Import finder that loads the bridge under the legacy module names."""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tfmpe._base.errors import nearest
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES, is_below


class _BridgeFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads every legacy module from the bridge."""

    def __init__(self, legacy: str):
        self._legacy = legacy

    def find_spec(
        self, fullname: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not is_below(fullname, self._legacy):
            return None
        below = fullname.removeprefix(self._legacy)
        if f"{LEGACY}{below}" not in MODULES:
            known = [f"{self._legacy}{m.removeprefix(LEGACY)}" for m in MODULES]
            parts = (
                f"The bridge has no module {fullname!r}.",
                nearest(fullname, known),
                "`tfmpe scan` lists the names of a script that are missing.",
            )
            message = " ".join(filter(None, parts))
            raise ModuleNotFoundError(message, name=fullname)
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        # Python then imports the module from `sys.modules`. If `create_module`
        # returned the bridge's module, it would get the legacy module's spec.
        name = f"{BRIDGE}{module.__name__.removeprefix(self._legacy)}"
        sys.modules[module.__name__] = importlib.import_module(name)


@contextmanager
def serving_bridge(legacy: str = LEGACY) -> Iterator[None]:
    """Load the bridge under the legacy names, even if already imported."""
    before = _taken(legacy)
    finder = _BridgeFinder(legacy)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _taken(legacy)
        sys.modules.update(before)


def _taken(package: str) -> dict[str, Any]:
    """Remove a package and its modules from the imported modules."""
    names = [n for n in sys.modules if is_below(n, package)]
    return {name: sys.modules.pop(name) for name in names}
