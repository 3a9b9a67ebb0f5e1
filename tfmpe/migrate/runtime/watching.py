"""Standing between scripts and a package: its calls go through a handler.

Functions, methods and constructors are wrapped as soon as the module that
defines them has been executed, so that names which others import from it are
wrapped as well.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tfmpe.migrate.legacy_names import LegacyName

from .finder import belongs_to

__all__ = ["Handler", "Watch"]

Handler = Callable[
    [LegacyName, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any
]
"""Given the name, what is called, and its arguments; returns the result."""


class Watch:
    """A handler between a package and those who call it.

    Parameters
    ----------
    package
        The package to watch.
    places
        The names to watch, by the full name of the module that defines them.
    handler
        Called instead of every watched name, outside of `paused`.
    """

    def __init__(
        self,
        package: str,
        places: Mapping[str, Iterable[LegacyName]],
        handler: Handler,
    ):
        self._package = package
        self._places = {name: tuple(found) for name, found in places.items()}
        self._handler = handler
        self._local = threading.local()
        self._active = False
        # Wrapper and original, to put the originals back.
        self._functions: list[tuple[Any, Any]] = []
        self._methods: list[tuple[type, str, Any, bool]] = []

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
        finder = _Hook(set(self._places), self._wrap_module)
        sys.meta_path.insert(0, finder)
        self._active = True
        try:
            for name in self._places:
                if name in sys.modules:
                    self._wrap_module(sys.modules[name])
            yield
        finally:
            self._active = False
            sys.meta_path.remove(finder)
            for wrapper, original in self._functions:
                self._replace(wrapper, original)
            for owner, name, original, own in self._methods:
                if own:
                    setattr(owner, name, original)
                else:
                    delattr(owner, name)
            self._functions.clear()
            self._methods.clear()

    def _wrap_module(self, module: ModuleType) -> None:
        if not self._active:
            return
        for entry in self._places.get(module.__name__, ()):
            owner_name, _, method = entry.name.partition(".")
            found = getattr(module, owner_name, None)
            if entry.kind == "function" and callable(found):
                self._wrap_function(entry, found)
            elif entry.kind == "class" and inspect.isclass(found):
                self._wrap_method(entry, found, "__init__")
            elif entry.kind == "method" and inspect.isclass(found):
                self._wrap_method(entry, found, method)

    def _wrap_function(self, entry: LegacyName, original: Any) -> None:
        if any(original is wrapper for wrapper, _ in self._functions):
            return
        wrapper = self._wrapper(entry, original)
        self._functions.append((wrapper, original))
        self._replace(original, wrapper)

    def _wrap_method(self, entry: LegacyName, owner: type, name: str) -> None:
        known = any(
            owner is other and name == wrapped
            for other, wrapped, *_ in self._methods
        )
        if known or not callable(getattr(owner, name, None)):
            return
        original = inspect.getattr_static(owner, name)
        if isinstance(original, staticmethod | classmethod):
            return
        self._methods.append((owner, name, original, name in vars(owner)))
        setattr(owner, name, self._wrapper(entry, getattr(owner, name)))

    def _wrapper(self, entry: LegacyName, original: Any) -> Any:
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


class _Hook(importlib.abc.MetaPathFinder):
    """Tells of modules when they have been executed."""

    def __init__(self, names: set[str], done: Callable[[ModuleType], None]):
        self._names = names
        self._done = done

    def find_spec(
        self,
        fullname: str,
        path: Any,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._names:
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
            execute(module)
            self._done(module)

        loader.exec_module = exec_module
