"""Legacy modules that are the bridge's own, for as long as a script runs."""

import importlib
import importlib.abc
import importlib.machinery
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import tfmpe.compat
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY

__all__ = [
    "BridgeFinder",
    "belongs_to",
    "is_mirror",
    "logging_as_legacy",
    "serving_bridge",
]

_HOME = Path(tfmpe.compat.__file__).parent

# Modules of the bridge that the legacy package does not have.
_OWN = ("bridge", "defects", "fixes", "legacy_warnings")


def belongs_to(module: str, package: str) -> bool:
    """Return whether a module is a package or lies in it, by its name.

    Parameters
    ----------
    module, package
        Their names.

    Returns
    -------
    bool

    Examples
    --------
    >>> belongs_to("sfmpe.utils", "sfmpe"), belongs_to("sfmpe2", "sfmpe")
    (True, False)
    """
    return module == package or module.startswith(f"{package}.")


def is_mirror(below: str) -> bool:
    """Return whether the bridge mirrors a legacy module.

    Parameters
    ----------
    below
        Its name below the legacy package.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_mirror("util.dataloader"), is_mirror("fixes"), is_mirror("plots")
    (True, False, False)
    """
    return below in _mirrors()


@cache
def _mirrors() -> tuple[str, ...]:
    files = (path.relative_to(_HOME) for path in _HOME.rglob("*.py"))
    names = (
        ".".join(file.parent.parts)
        if file.name == "__init__.py"
        else ".".join(file.with_suffix("").parts)
        for file in files
    )
    return tuple(
        sorted(
            name
            for name in names
            if name.partition(".")[0] not in (*_OWN, "")
            and not any(part.startswith("_") for part in name.split("."))
        )
    )


class BridgeFinder(importlib.abc.MetaPathFinder):
    """Finds every legacy module in the bridge.

    Parameters
    ----------
    legacy
        What the scripts call the legacy package.
    """

    def __init__(self, legacy: str = LEGACY):
        self._legacy = legacy

    def find_spec(
        self,
        fullname: str,
        path: Any,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a legacy module, None for every other.

        Parameters
        ----------
        fullname
            The module.
        path, target
            Not used.

        Returns
        -------
        ModuleSpec or None

        Raises
        ------
        ModuleNotFoundError
            If the bridge has no such legacy module.
        """
        if not belongs_to(fullname, self._legacy):
            return None
        below = fullname.removeprefix(self._legacy)
        if below and not is_mirror(below.removeprefix(".")):
            known = ", ".join(
                (self._legacy, *(f"{self._legacy}.{n}" for n in _mirrors()))
            )
            raise ModuleNotFoundError(
                f"The bridge has no module {fullname!r}; it has {known}. "
                "`tfmpe scan` lists every legacy name of a script, and which "
                "of them the bridge lacks.",
                name=fullname,
            )
        return importlib.machinery.ModuleSpec(
            fullname, _BridgeLoader(f"{BRIDGE}{below}")
        )


class _BridgeLoader(importlib.abc.Loader):
    def __init__(self, name: str):
        self._name = name

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes what is listed under the name afterwards.
        # Returned by `create_module` instead, the bridge's module would be
        # given the spec of the legacy one.
        sys.modules[module.__name__] = importlib.import_module(self._name)


@contextmanager
def serving_bridge(legacy: str = LEGACY) -> Iterator[None]:
    """Serve the bridge under the names of the legacy modules.

    Also where the legacy package is installed, or was imported before; that
    is put back afterwards.

    Parameters
    ----------
    legacy
        What the scripts call the legacy package.

    Yields
    ------
    None

    Examples
    --------
    >>> import tfmpe.compat.utils
    >>> with serving_bridge():
    ...     import sfmpe.utils
    >>> sfmpe.utils is tfmpe.compat.utils
    True
    """
    before = _taken(legacy)
    finder = BridgeFinder(legacy)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _taken(legacy)
        sys.modules.update(before)


@contextmanager
def logging_as_legacy(legacy: str = LEGACY) -> Iterator[None]:
    """Let the bridge log under the names of the legacy modules.

    What a script sets for these names takes effect, and its log names them.

    Parameters
    ----------
    legacy
        What the scripts call the legacy package.

    Yields
    ------
    None
    """
    manager: Any = logging.Logger.manager
    get = manager.getLogger

    def renamed(name: str, old: str, new: str) -> str:
        found = belongs_to(name, old)
        return f"{new}{name.removeprefix(old)}" if found else name

    def rename(old: str, new: str) -> None:
        for name, module in list(sys.modules.items()):
            logger = getattr(module, "__dict__", {}).get("logger")
            if belongs_to(name, BRIDGE) and isinstance(logger, logging.Logger):
                vars(module)["logger"] = get(renamed(logger.name, old, new))

    manager.getLogger = lambda name: get(renamed(name, BRIDGE, legacy))
    rename(BRIDGE, legacy)
    try:
        yield
    finally:
        del manager.getLogger
        rename(legacy, BRIDGE)


def _taken(package: str) -> dict[str, Any]:
    """Take a package and all in it out of the imported modules."""
    names = [name for name in sys.modules if belongs_to(name, package)]
    return {name: sys.modules.pop(name) for name in names}
