"""Objects of the legacy package, and those of the bridge that stand for them.

A twin is made when the script makes the original, from the same arguments,
and gets the original's state before each call that is made on it. Neither
the original nor the random numbers of the script are changed.
"""

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfmpe.migrate.legacy_names import is_below
from tfmpe.migrate.replay.trees import copied

from . import twins_state as states
from .twins_reach import check_reach, of_bridge
from .twins_state import Known, NoTwinError, State, is_nnx, is_rngs

__all__ = ["Known", "Twins"]


@dataclass(eq=False)
class _Pair:
    known: Known
    original: Callable[[], Any]
    twin: Any
    parts: list["_Pair"]
    why: str | None = None


class Twins:
    """All originals of a run and their twins."""

    def __init__(self, package: str):
        self._package = package
        self._pairs: list[_Pair] = []
        self._numbers: dict[int, int] = {}

    def named(self, tree: Any, new: bool = True) -> Any:
        """Return a copy of a tree with names in place of objects."""
        if type(tree) is dict:
            return {key: self.named(value, new) for key, value in tree.items()}
        if type(tree) in (list, tuple):
            return type(tree)(self.named(value, new) for value in tree)
        pair = self._find(tree)
        if pair is None and new and (self._is_legacy(tree) or is_nnx(tree)):
            pair = self._add(tree)
        return copied(tree) if pair is None else pair.known

    def filled(self, tree: Any) -> Any:
        """Return a tree from `named` with twins in place of names."""
        if type(tree) is dict:
            return {key: self.filled(value) for key, value in tree.items()}
        if type(tree) in (list, tuple):
            return type(tree)(self.filled(value) for value in tree)
        if isinstance(tree, Known):
            pair = self._pairs[tree.number]
            if pair.why is not None:
                raise NoTwinError(pair.why)
            return pair.twin
        if self._belongs(getattr(tree, "__module__", "")) and (
            inspect.isclass(tree) or inspect.isroutine(tree)
        ):
            below = tree.__module__.removeprefix(f"{self._package}.")
            return of_bridge(below, tree.__qualname__)
        if hasattr(tree, "base_dist"):
            raise NoTwinError(
                "it draws random numbers from an object that is not an "
                "nnx.Rngs, which cannot be copied"
            )
        if callable(tree):
            check_reach(tree)
        return copied(tree)

    def state(self, tree: Any) -> State:
        """Return what the objects of a named tree hold.

        Random numbers that several of them share are there once.
        """
        originals = {
            pair.known.number: pair.original() for pair in self._reached(tree)
        }
        shared = {
            id(variable)
            for original in originals.values()
            if is_rngs(original)
            for variable in states.variables_of(original).values()
        }
        return {
            (number, path): leaf
            for number, original in originals.items()
            for path, leaf in states.state_of(
                original, () if is_rngs(original) else shared
            ).items()
        }

    def load(self, state: State) -> None:
        """Let the twins hold a state of their originals, as `load`."""
        for number, held in states.by_number(state).items():
            if self._pairs[number].why is None:
                states.load(self._pairs[number].twin, held)

    def sides(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a state and what the twins hold now, to be compared."""
        old: dict[str, Any] = {}
        new: dict[str, Any] = {}
        for number, held in states.by_number(state).items():
            pair = self._pairs[number]
            if pair.why is not None:
                continue
            name = pair.known.kind
            if any(other.startswith(f"{name}: ") for other in old):
                name = f"{name} {number}"
            own = states.state_of(pair.twin)
            for path, leaf in states.without_flags(held).items():
                old[f"{name}: {path}"] = states.view(leaf)
                if path in own:
                    new[f"{name}: {path}"] = states.view(own[path])
        return old, new

    def note(self, known: Known, parts: Any) -> None:
        """Note what an object was made from, as a named tree."""
        numbers = dict.fromkeys(part.number for part in states.known_in(parts))
        self._pairs[known.number].parts = [self._pairs[n] for n in numbers]

    def give(self, known: Known, twin: Any) -> None:
        """Note the twin of an object."""
        pair = self._pairs[known.number]
        pair.twin, pair.why = twin, None
        self._numbers[id(twin)] = known.number

    def refuse(self, known: Known, why: str) -> None:
        """Note why an object has no twin."""
        self._pairs[known.number].why = why

    def whole(self, known: Known) -> list[tuple[Known, Any, Any]]:
        """Return an object and all that it was made from."""
        found = [self._pairs[known.number]]
        for pair in found:
            found += [part for part in pair.parts if part not in found]
        return [(pair.known, pair.original(), pair.twin) for pair in found]

    def is_own(self, kind: type) -> bool:
        """Return whether a class is the script's and not the package's."""
        return not self._belongs(kind.__module__)

    def _belongs(self, module: Any) -> bool:
        return is_below(str(module), self._package)

    def _is_legacy(self, value: Any) -> bool:
        return any(self._belongs(k.__module__) for k in type(value).__mro__)

    def _find(self, value: Any) -> _Pair | None:
        number = self._numbers.get(id(value))
        if number is None or value is None:
            return None
        pair = self._pairs[number]
        is_it = value is pair.twin or value is pair.original()
        return pair if is_it else None

    def _add(self, original: Any) -> _Pair:
        kind, why, twin = type(original), None, None
        parts: list[_Pair] = []
        if is_nnx(original) and self.is_own(kind):
            twin, parts = self._cloned(original)
        elif self.is_own(kind):
            why = f"its class {kind.__qualname__} is the script's own"
        elif found := self._in_another(original):
            twin, parts = found
        else:
            why = (
                f"its {kind.__qualname__} was not made by a call of the script"
            )
        known = Known(len(self._pairs), kind.__qualname__)
        pair = _Pair(known, _reference(original), twin, parts, why)
        self._pairs.append(pair)
        self._numbers[id(original)] = known.number
        if twin is not None:
            self._numbers[id(twin)] = known.number
        return pair

    def _in_another(self, module: Any) -> tuple[Any, list[_Pair]] | None:
        """Return the twin of what another module holds, and its parts."""
        for pair in self._pairs if is_nnx(module) else ():
            whole = pair.original()
            if pair.why is None and is_nnx(whole) and not is_rngs(whole):
                for path, node in states.nodes_of(whole):
                    if node is module:
                        return states.child(pair.twin, path), pair.parts
        return None

    def _cloned(self, module: Any) -> tuple[Any, list[_Pair]]:
        """Return a copy that draws from the twins of its random numbers."""
        from flax import nnx

        twin = nnx.clone(module)
        parts: list[_Pair] = []
        for path, node in states.nodes_of(module):
            if path and is_rngs(node):
                parts.append(self._find(node) or self._add(node))
                owner = states.child(twin, path[:-1])
                setattr(owner, str(path[-1]), parts[-1].twin)
        return twin, parts

    def _reached(self, tree: Any) -> list[_Pair]:
        """Return the pairs in a tree, and those that they were made from."""
        found: dict[int, _Pair] = {}
        left = [self._pairs[known.number] for known in states.known_in(tree)]
        while left:
            pair = left.pop()
            if pair.known.number in found:
                continue
            found[pair.known.number] = pair
            # A module holds the weights of its parts.
            whole = is_nnx(pair.original())
            left += [
                part
                for part in pair.parts
                if not whole or is_rngs(part.original())
            ]
        return list(found.values())


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value
