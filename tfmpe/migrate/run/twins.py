"""Twins: objects of the bridge that correspond to a script's legacy ones.

A twin is created when the script creates the original, from the same
arguments, and receives the original's state before each of its calls. The
original and the random numbers of the script are not changed.
"""

import functools
import importlib
import inspect
import itertools
import random
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE, is_below
from tfmpe.migrate.replay.trees import copied, mapped

from . import twins_state as states
from .twins_state import NoTwinError, Pair, State, is_nnx, is_rngs

_NUMBERS = (np.random.Generator, random.Random)


class Twins:
    """All original objects of a run and their twins."""

    def __init__(self, package: str):
        self._package = package
        self._by_id: dict[int, Pair] = {}
        self._numbers = itertools.count(1)

    def named(self, tree: Any, new: bool = True) -> Any:
        """Return a copy of a tree with pairs in place of objects."""

        def name(leaf: Any) -> Any:
            pair = self._find(leaf)
            if pair is None and new:
                own = all(self.is_own(kind) for kind in type(leaf).__mro__)
                pair = None if own and not is_nnx(leaf) else self._add(leaf)
            return copied(leaf) if pair is None else pair

        return mapped(name, tree)

    def filled(self, tree: Any) -> Any:
        """Return a tree from `named` with twins in place of pairs."""
        return mapped(self._on_bridge, tree)

    def _on_bridge(self, leaf: Any) -> Any:
        if isinstance(leaf, Pair):
            if leaf.why is not None:
                raise NoTwinError(leaf.why)
            return leaf.twin
        defined = inspect.isclass(leaf) or inspect.isroutine(leaf)
        if defined and not self.is_own(leaf):
            below = leaf.__module__.removeprefix(f"{self._package}.")
            return of_bridge(below, leaf.__qualname__)
        if hasattr(leaf, "base_dist"):
            raise NoTwinError(
                "its random numbers come from an object that cannot be copied: "
                "it is not an nnx.Rngs"
            )
        if callable(leaf):
            _check_reach(leaf)
        return copied(leaf)

    def give(self, pair: Pair, twin: Any) -> None:
        """Register the twin of an object."""
        pair.twin, pair.why = twin, None
        self._by_id[id(twin)] = pair

    def is_own(self, kind: Any) -> bool:
        """Return whether a class is defined by the script."""
        return not is_below(str(getattr(kind, "__module__", "")), self._package)

    def _find(self, value: Any) -> Pair | None:
        pair = None if value is None else self._by_id.get(id(value))
        # The id may belong to a deleted object.
        if pair and (value is pair.twin or value is pair.original()):
            return pair
        return None

    def _add(self, original: Any) -> Pair:
        kind = type(original)
        name, reference = kind.__qualname__, _reference(original)
        pair = Pair(next(self._numbers), name, reference)
        pair.why = f"its {name} was not created by a call of the script"
        self._by_id[id(original)] = pair
        if self.is_own(kind) and is_nnx(original):
            self._clone(pair, original)
        elif self.is_own(kind):
            pair.why = f"its class {name} is defined by the script"
        return pair

    def _clone(self, pair: Pair, module: Any) -> None:
        """Copy a module, and give the copy the twins of its random numbers."""
        from flax import nnx

        twin = nnx.clone(module)
        for path, node in states.nodes_of(module):
            if path and is_rngs(node):
                part = self._find(node) or self._add(node)
                owner = states.child(twin, path[:-1])
                setattr(owner, str(path[-1]), part.twin)
                pair.parts.append(part)
        self.give(pair, twin)


def pairs_in(tree: Any) -> dict[Pair, None]:
    """Return the pairs in a named tree, in order."""
    found: dict[Pair, None] = {}
    mapped(lambda leaf: isinstance(leaf, Pair) and found.setdefault(leaf), tree)
    return found


def state_in(tree: Any) -> State:
    """Return the state of the objects in a named tree, shared parts once."""
    left, pairs = list(pairs_in(tree)), dict[Pair, Any]()
    while left:
        pair = left.pop()
        if pair not in pairs:
            pairs[pair] = original = pair.original()
            # A module includes the weights of its parts.
            left += [
                part
                for part in pair.parts
                if not is_nnx(original) or is_rngs(part.original())
            ]
    shared = {
        id(variable)
        for original in pairs.values()
        if is_rngs(original)
        for variable in states.variables_of(original).values()
    }
    return {
        pair: states.state_of(original, () if is_rngs(original) else shared)
        for pair, original in pairs.items()
    }


def of_bridge(module: str, name: str) -> Any:
    """Return a function or class of ``tfmpe.compat``, by its legacy name."""
    try:
        found = importlib.import_module(f"{BRIDGE}.{module}")
        return functools.reduce(getattr, name.split("."), found)
    except (ImportError, AttributeError) as error:
        raise NoTwinError(f"the bridge has no {name}: {error}") from None


def default_rngs(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> dict[str, Any]:
    """Return the shared random numbers (L20) that a call uses by default."""
    try:
        signature = inspect.signature(function)
        given = signature.bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return {}
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in given and is_nnx(parameter.default)
    }


def _check_reach(function: Any) -> None:
    """Raise if a function could change objects that are not arguments."""
    name = getattr(function, "__name__", type(function).__name__)
    for used, value in _reached_by(function).items():
        if is_nnx(value) or isinstance(value, _NUMBERS):
            raise NoTwinError(
                f"the function {name} uses {used!r}, which a second call "
                "could change; pass it as an argument"
            )


def _reached_by(function: Any) -> dict[str, Any]:
    if isinstance(function, functools.partial):
        found = {str(n): x for n, x in enumerate(function.args)}
        return found | function.keywords | _reached_by(function.func)
    owner = getattr(function, "__self__", None)
    found = {"self": owner} | getattr(owner or function, "__dict__", {})
    if inspect.isfunction(function) or inspect.ismethod(function):
        used = inspect.getclosurevars(function)
        found |= {**used.globals, **used.nonlocals}
    return found


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value
