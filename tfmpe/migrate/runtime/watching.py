"""Standing between scripts and a package: its calls go through a handler.

Functions, methods and constructors are wrapped as soon as the module that
defines them has been executed, so that names which others import from it are
wrapped as well. What there is to wrap is read from the modules.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any, Literal, NamedTuple

from tfmpe.migrate.legacy_names import LEGACY

from .finder import belongs_to, is_mirror

__all__ = ["Called", "Handler", "Watch"]


class Called(NamedTuple):
    """A function, a method or a constructor that is watched.

    Parameters
    ----------
    module : str
        Its module below the package.
    name : str
        The name there; of a method with its class.
    kind : str
        ``'function'``, ``'method'`` or ``'class'``.
    """

    module: str
    name: str
    kind: Literal["function", "method", "class"]

    @property
    def qualified(self) -> str:
        """The full legacy name."""
        return f"{LEGACY}.{self.module}.{self.name}"


Handler = Callable[
    [Called, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any
]
"""Given the name, what is called, and its arguments; returns the result."""


class Watch:
    """A handler between a package and those who call it.

    Parameters
    ----------
    package
        The legacy package, or the bridge.
    handler
        Called instead of every watched name, outside of `paused`.
    """

    def __init__(self, package: str, handler: Handler):
        self._package = package
        self._handler = handler
        self._local = threading.local()
        self._active = False
        # Wrapper and original, to put the originals back.
        self._functions: list[tuple[Any, Any]] = []
        self._classes: set[type] = set()
        self._methods: list[tuple[type, str, Any]] = []

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let this thread's calls through, as within a handled call."""
        before = getattr(self._local, "paused", False)
        self._local.paused = True
        try:
            yield
        finally:
            self._local.paused = before

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch, and leave everything as it was found."""
        finder = _Hook(self._package, self._wrap_module, self.paused)
        sys.meta_path.insert(0, finder)
        self._active = True
        try:
            known = [
                module
                for name, module in list(sys.modules.items())
                if belongs_to(name, self._package) and module is not None
            ]
            # First where a name is defined, then where it is shown.
            for module in known:
                self._wrap_module(module, defined_here=True)
            for module in known:
                self._wrap_module(module)
            yield
        finally:
            self._active = False
            sys.meta_path.remove(finder)
            for wrapper, original in self._functions:
                self._replace(wrapper, original)
            for owner, name, original in self._methods:
                setattr(owner, name, original)
            self._functions.clear()
            self._classes.clear()
            self._methods.clear()

    def _wrap_module(
        self, module: ModuleType, defined_here: bool = False
    ) -> None:
        below = module.__name__.removeprefix(f"{self._package}.")
        if not self._active or not is_mirror(below):
            return
        for name in {**vars(module), **dict.fromkeys(_late(module))}:
            if name.startswith("__"):
                continue
            try:
                found = getattr(module, name)
            # An extra that is not installed; who asks for it is told.
            except ImportError:
                continue
            defined = str(getattr(found, "__module__", None))
            ours = defined == module.__name__
            if not ours and (defined_here or not self._is_shown(defined)):
                continue
            if inspect.isclass(found):
                self._wrap_class(found, below)
            elif inspect.isroutine(found) or hasattr(found, "__wrapped__"):
                self._wrap_function(Called(below, name, "function"), found)

    def _is_shown(self, defined: str) -> bool:
        """Return whether a name is kept in a private module of the package."""
        return belongs_to(defined, self._package) and any(
            part.startswith("_") for part in defined.split(".")
        )

    def _wrap_function(self, entry: Called, original: Any) -> None:
        if any(original is wrapper for wrapper, _ in self._functions):
            return
        wrapper = self._wrapper(entry, original)
        self._functions.append((wrapper, original))
        self._replace(original, wrapper)

    def _wrap_class(self, owner: type, module: str) -> None:
        if owner in self._classes:
            return
        self._classes.add(owner)
        for name, original in list(vars(owner).items()):
            if not inspect.isroutine(original) or isinstance(
                original, staticmethod | classmethod
            ):
                continue
            entry = Called(module, f"{owner.__name__}.{name}", "method")
            if name == "__init__":
                entry = Called(module, owner.__name__, "class")
            elif name.startswith("_") and name not in ("__call__", "__iter__"):
                continue
            self._methods.append((owner, name, original))
            setattr(owner, name, self._wrapper(entry, original))

    def _wrapper(self, entry: Called, original: Any) -> Any:
        local, handler = self._local, self._handler

        @functools.wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if not self._active or getattr(local, "paused", False):
                return original(*args, **kwargs)
            return handler(entry, original, args, kwargs)

        return watched

    def _replace(self, old: Any, new: Any) -> None:
        """Replace a function in every module of the package that has it."""
        for name, module in list(sys.modules.items()):
            if not belongs_to(name, self._package) or module is None:
                continue
            for key, value in list(vars(module).items()):
                if value is old:
                    setattr(module, key, new)


def _late(module: ModuleType) -> list[str]:
    """Return the names that a module imports when they are asked for."""
    return [n for n in getattr(module, "__all__", ()) if n not in vars(module)]


class _Hook(importlib.abc.MetaPathFinder):
    """Tells of the modules of a package when they have been executed."""

    def __init__(
        self,
        package: str,
        done: Callable[[ModuleType], None],
        paused: Callable[[], AbstractContextManager[None]],
    ):
        self._package = package
        self._done = done
        self._paused = paused

    def find_spec(
        self,
        fullname: str,
        path: Any,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if not belongs_to(fullname, self._package):
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    self._extend(spec.loader)
                return spec
        return None

    def _extend(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            # What a module calls as it is imported is no call of the script.
            with self._paused():
                execute(module)
                self._done(module)

        loader.exec_module = exec_module
