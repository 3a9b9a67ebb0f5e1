"""Interception of the calls that a script makes to a package.

Functions, methods and constructors are wrapped as soon as the module that
defines them has been executed, so that other modules import the wrapped
versions.
"""

import functools
import importlib.abc
import importlib.machinery
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple, cast

from tfmpe._base.callers import _caller
from tfmpe.migrate.legacy_names import LEGACY, MODULES, is_below
from tfmpe.migrate.records.places import Place

from .notebook import cell_of


class Called(NamedTuple):
    """A watched function, method or constructor."""

    module: str
    name: str
    kind: Literal["function", "method", "class"]
    original: Any

    @property
    def qualified(self) -> str:
        """Full legacy name."""
        return f"{LEGACY}.{self.module}.{self.name}"


class Site(NamedTuple):
    """A legacy function, by its full name, and a place that calls it."""

    function: str
    place: Place

    @property
    def name(self) -> str:
        """Name of the function without its module, but with its class."""
        *_, owner, name = self.function.split(".")
        return f"{owner}.{name}" if owner[:1].isupper() else name

    def __str__(self) -> str:
        """Return the name and the place as text."""
        return f"{self.name} from {self.place}"


def call_site(function: str) -> Site:
    """Return the innermost line outside of this package and jax."""
    frame = _caller()
    file, cell = cell_of(frame.f_code.co_filename)
    path, here = Path(file), Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)
    return Site(function, Place(path.as_posix(), frame.f_lineno, 1, cell))


_SPECIAL = ("__init__", "__call__", "__iter__")


class Watch(importlib.abc.MetaPathFinder):
    """Handler of all calls of a package."""

    def __init__(self, package: str):
        self._package = package
        self._local = threading.local()
        self._active = False
        # Originals of wrappers, and of methods, to restore them.
        self._originals: dict[Any, Any] = {}
        self._methods: dict[tuple[type, str], Any] = {}

    def handle(self, entry: Called, args: Any, kwargs: Any) -> Any:
        """Make a call, and return its result."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not handle this thread's calls, such as inner calls."""
        before = getattr(self._local, "paused", False)
        self._local.paused = True
        try:
            yield
        finally:
            self._local.paused = before

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch a package, and restore everything at the end."""
        sys.meta_path.insert(0, self)
        self._active = True
        try:
            for module in self._modules():
                self._wrap_module(module)
            yield
        finally:
            self._active = False
            sys.meta_path.remove(self)
            self._replace(self._originals)
            for (owner, name), original in self._methods.items():
                setattr(owner, name, original)

    def find_spec(
        self, fullname: str, path: Any, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module of the package, and wrap it when it is loaded."""
        if not is_below(fullname, self._package):
            return None
        for finder in [each for each in sys.meta_path if each is not self]:
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if (loader := cast("Any", spec.loader)) is not None:
                    execute = functools.partial(self._run, loader.exec_module)
                    loader.exec_module = execute
                return spec
        return None

    def _run(self, execute: Callable[[Any], None], module: Any) -> None:
        # Calls during the import of a module are not calls of the script.
        with self.paused():
            execute(module)
            if self._active:
                self._wrap_module(module)

    def _modules(self) -> list[ModuleType]:
        modules = list(sys.modules.items())
        return [m for n, m in modules if m and is_below(n, self._package)]

    def _wrap_module(self, module: ModuleType) -> None:
        here = module.__name__
        shown = here.removeprefix(f"{self._package}.")
        if here == self._package or f"{LEGACY}.{shown}" not in MODULES:
            return
        wrapped: dict[Any, Any] = {}
        late = dict.fromkeys(getattr(module, "__all__", ()))
        for name in {**vars(module), **late}:
            # Names from extras that are not installed stay missing.
            try:
                found = None if name.startswith("__") else getattr(module, name)
            except ImportError:
                continue
            defined = str(getattr(found, "__module__", None))
            # Another module exports the names of a private module.
            private = is_below(defined, self._package) and "._" in defined
            if defined != here and not private:
                continue
            if inspect.isclass(found):
                self._wrap_class(found, shown)
            elif (
                inspect.isroutine(found) or hasattr(found, "__wrapped__")
            ) and found not in self._originals:
                entry = Called(shown, name, "function", found)
                wrapped[found] = self._wrapper(entry)
        self._originals |= {new: old for old, new in wrapped.items()}
        self._replace(wrapped)

    def _wrap_class(self, owner: type, module: str) -> None:
        for name, original in list(vars(owner).items()):
            public = not name.startswith("_") or name in _SPECIAL
            static = isinstance(original, staticmethod | classmethod)
            if not public or static or not inspect.isroutine(original):
                continue
            if (owner, name) not in self._methods:
                shown, kind = f"{owner.__name__}.{name}", "method"
                if name == "__init__":
                    shown, kind = owner.__name__, "class"
                entry = Called(module, shown, kind, original)
                self._methods[owner, name] = original
                setattr(owner, name, self._wrapper(entry))

    def _wrapper(self, entry: Called) -> Any:
        @functools.wraps(entry.original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if not self._active or getattr(self._local, "paused", False):
                return entry.original(*args, **kwargs)
            return self.handle(entry, args, kwargs)

        return watched

    def _replace(self, new: dict[Any, Any]) -> None:
        """Replace functions in all modules of the package that import them."""
        by_id = {id(old): each for old, each in new.items()}
        for module in self._modules():
            for name, value in list(vars(module).items()):
                if id(value) in by_id:
                    setattr(module, name, by_id[id(value)])
