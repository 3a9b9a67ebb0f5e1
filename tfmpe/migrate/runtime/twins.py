"""Objects of the legacy package, and those of the bridge that stand for them.

A twin is made when the script makes the original, from the same arguments,
and gets the original's state before each call that is made on it. Neither
the original nor the random numbers of the script are changed.
"""

import dataclasses
import functools
import importlib
import inspect
import random
import sys
import weakref
from collections.abc import Callable, Collection, Iterator
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE
from tfmpe.migrate.replay.trees import copied

from .errors import NoTwinError
from .finder import belongs_to

__all__ = ["Known", "State", "Twins", "view"]

State = dict[tuple[int, str], Any]
"""What objects hold, by their number and the path of it."""

_PROBES = (-0.7, 0.3)
_FLAG = "deterministic"
_NO_WEIGHTS = (_FLAG, "/key", "/count")


@dataclasses.dataclass(frozen=True)
class Known:
    """Stands for an original and its twin, in the arguments of a call."""

    number: int
    kind: str

    def __repr__(self) -> str:
        """Name it as a person would."""
        return f"{self.kind} number {self.number}"


@dataclasses.dataclass
class _Pair:
    known: Known
    original: Callable[[], Any]
    twin: Any
    parts: list[Any]
    why: str | None = None


class Twins:
    """All originals of a run and their twins.

    Parameters
    ----------
    package
        The legacy package.
    """

    def __init__(self, package: str):
        self._package = package
        self._pairs: list[_Pair] = []
        self._numbers: dict[int, int] = {}

    def named(self, tree: Any, new: bool = True) -> Any:
        """Return a copy of a tree with names in place of objects.

        Parameters
        ----------
        tree
            Arguments or a result, with originals or with twins in it.
        new
            Whether objects that were not seen before get a name.

        Returns
        -------
        object
        """
        if type(tree) is dict:
            return {key: self.named(value, new) for key, value in tree.items()}
        if type(tree) in (list, tuple):
            return type(tree)(self.named(value, new) for value in tree)
        pair = self._find(tree)
        if pair is None and new and (self._is_legacy(tree) or _is_nnx(tree)):
            pair = self._add(tree)
        return copied(tree) if pair is None else pair.known

    def filled(self, tree: Any) -> Any:
        """Return a tree with twins in place of names.

        Parameters
        ----------
        tree
            From `named`.

        Returns
        -------
        object

        Raises
        ------
        NoTwinError
            If an object has none.
        """
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
            return self._counterpart(tree)
        if hasattr(tree, "base_dist"):
            raise NoTwinError(
                "it draws random numbers from an object that is not an "
                "nnx.Rngs, which cannot be copied"
            )
        if callable(tree):
            _check_reach(tree)
        return copied(tree)

    def state(self, tree: Any) -> State:
        """Return what the objects of a named tree hold.

        Parameters
        ----------
        tree
            From `named`.

        Returns
        -------
        State
            Of random numbers that objects share, once.
        """
        pairs = self._reached(tree)
        shared = {
            id(variable)
            for pair in pairs
            if _is_rngs(pair.original())
            for variable in _variables(pair.original()).values()
        }
        return {
            (pair.known.number, path): leaf
            for pair in pairs
            for path, leaf in _state_of(
                pair.original(), () if _is_rngs(pair.original()) else shared
            ).items()
        }

    def load(self, state: State) -> None:
        """Let the twins hold a state of their originals.

        Raises
        ------
        NoTwinError
            If a twin has other weights.
        """
        for number, group in _by_number(state).items():
            pair = self._pairs[number]
            if pair.why is None:
                _load(pair.twin, group)

    def sides(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a state and what the twins hold now, to be compared."""
        old: dict[str, Any] = {}
        new: dict[str, Any] = {}
        for number, group in _by_number(state).items():
            pair = self._pairs[number]
            if pair.why is not None:
                continue
            name = pair.known.kind
            if any(other.startswith(f"{name}: ") for other in old):
                name = f"{name} {number}"
            own = _state_of(pair.twin)
            old |= {f"{name}: {p}": view(x) for p, x in group.items()}
            new |= {f"{name}: {p}": view(own[p]) for p in group if p in own}
        return (
            {key: x for key, x in old.items() if not key.endswith(_FLAG)},
            {key: x for key, x in new.items() if not key.endswith(_FLAG)},
        )

    def note(self, known: Known, parts: Any) -> None:
        """Note what an object was made from, as a named tree."""
        pairs = {
            part.number: self._pairs[part.number] for part in known_in(parts)
        }
        self._pairs[known.number].parts = list(pairs.values())

    def give(self, known: Known, twin: Any) -> None:
        """Note the twin of an object."""
        pair = self._pairs[known.number]
        pair.twin, pair.why = twin, None
        self._numbers[id(twin)] = known.number

    def refuse(self, known: Known, why: str) -> None:
        """Note why an object has no twin."""
        self._pairs[known.number].why = why

    def consists_of(self, known: Known) -> list[Known]:
        """Return an object and all that it was made from."""
        found = [known]
        for each in found:
            parts = (part.known for part in self._pairs[each.number].parts)
            found += [part for part in parts if part not in found]
        return found

    def has_weights(self, call: Any) -> bool:
        """Return whether what an observed method is called on has weights."""
        return call.instance is not None and any(
            not path.endswith(_NO_WEIGHTS) for _, path in call.state
        )

    def flow_state(self, call: Any) -> tuple[dict[str, Any] | None, Any]:
        """Return the weights of the network and the next key of a flow.

        Parameters
        ----------
        call
            An observed call of a flow, an estimator or a network.

        Returns
        -------
        weights : dict or None
            By path; None where the network is not the legacy Transformer.
        key : key array or None
        """
        whole = self.consists_of(call.instance)
        weights = key = None
        if any(known.kind == "Transformer" for known in whole):
            weights = {
                path.removeprefix("vf_model/"): leaf
                for (_, path), leaf in call.state.items()
                if not path.endswith(_NO_WEIGHTS)
            }
        flows = [known for known in whole if known.kind == "StructuredCNF"]
        for known in self.consists_of(flows[0]) if flows else []:
            if known.kind == "Rngs":
                key = _next_key(_by_number(call.state)[known.number])
                break
        return weights, key

    def defaults(
        self, function: Callable[..., Any], args: Any, kwargs: Any
    ) -> dict[str, Any]:
        """Return random numbers that a call takes from its defaults.

        They are one object for all calls (L20), so the twins of what is made
        from them share one as well.
        """
        try:
            signature = inspect.signature(function)
            given = signature.bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            return {}
        return {
            name: parameter.default
            for name, parameter in signature.parameters.items()
            if name not in given and _is_nnx(parameter.default)
        }

    def is_own(self, kind: type) -> bool:
        """Return whether a class is the script's and not the package's."""
        return not self._belongs(kind.__module__)

    def bridge(self, module: str, name: str) -> Any:
        """Return a function or a class of the bridge.

        Raises
        ------
        NoTwinError
            If the bridge does not have it.
        """
        try:
            found = importlib.import_module(f"{BRIDGE}.{module}")
            return functools.reduce(getattr, name.split("."), found)
        except (ImportError, AttributeError) as error:
            raise NoTwinError(f"the bridge has no {name}: {error}") from None

    def _counterpart(self, value: Any) -> Any:
        below = value.__module__.removeprefix(f"{self._package}.")
        return self.bridge(below, value.__qualname__)

    def _belongs(self, module: Any) -> bool:
        return belongs_to(str(module), self._package)

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
        if _is_nnx(original) and self.is_own(kind):
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
        from flax import nnx

        for pair in self._pairs if _is_nnx(module) else ():
            whole = pair.original()
            if pair.why is not None or not isinstance(whole, nnx.Module):
                continue
            for path, node in nnx.iter_graph(whole):
                if node is module:
                    twin = functools.reduce(_child, path, pair.twin)
                    return twin, pair.parts
        return None

    def _cloned(self, module: Any) -> tuple[Any, list[_Pair]]:
        """Return a copy that draws from the twins of its random numbers."""
        from flax import nnx

        twin = nnx.clone(module)
        parts: list[_Pair] = []
        for path, node in nnx.iter_graph(module):
            if path and _is_rngs(node):
                parts.append(self._find(node) or self._add(node))
                owner = functools.reduce(_child, path[:-1], twin)
                setattr(owner, str(path[-1]), parts[-1].twin)
        return twin, parts

    def _reached(self, tree: Any) -> list[_Pair]:
        """Return the pairs in a tree, and those that they were made from."""
        found: dict[int, _Pair] = {}
        left = [self._pairs[known.number] for known in known_in(tree)]
        while left:
            pair = left.pop()
            if pair.known.number in found:
                continue
            found[pair.known.number] = pair
            # A module holds the weights of its parts.
            whole = _is_nnx(pair.original())
            left += [
                part
                for part in pair.parts
                if not whole or _is_rngs(part.original())
            ]
        return list(found.values())


def view(value: Any) -> Any:
    """Return a result in a form that can be compared by values.

    Parameters
    ----------
    value
        Of either side.

    Returns
    -------
    object
        Keys of random numbers as their data, modules as their weights,
        bijectors as what they make of two values, data classes as dicts;
        keys of dicts as text, paths in a tree as `keystr` has them.
    """
    if type(value) is dict:
        return {_text(key): view(leaf) for key, leaf in value.items()}
    if type(value) in (list, tuple):
        return type(value)(view(leaf) for leaf in value)
    if isinstance(value, jax.Array):
        is_key = jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
        return jax.random.key_data(value) if is_key else value
    if _is_nnx(value):
        return {path: view(leaf) for path, leaf in _state_of(value).items()}
    if hasattr(value, "forward_log_det_jacobian"):
        return {
            name: [getattr(value, name)(jnp.float32(x)) for x in _PROBES]
            for name in ("forward", "inverse")
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Known):
        return {type(value).__name__: view(vars(value))}
    return value


def _text(key: Any) -> str:
    if isinstance(key, str):
        return key
    return jax.tree_util.keystr(key) if isinstance(key, tuple) else repr(key)


def _next_key(held: dict[str, Any]) -> Any:
    for stream in ("base_dist", "default"):
        if f"{stream}/key" in held:
            return jax.random.fold_in(
                held[f"{stream}/key"], held[f"{stream}/count"]
            )
    return None


def _child(owner: Any, name: Any) -> Any:
    return owner[name] if isinstance(name, int) else getattr(owner, name)


def _is_nnx(value: Any) -> bool:
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(value, nnx.Module | nnx.Rngs)


def _is_rngs(value: Any) -> bool:
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(value, nnx.Rngs)


def known_in(tree: Any) -> Iterator[Known]:
    if isinstance(tree, Known):
        yield tree
    elif isinstance(tree, dict | list | tuple):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from known_in(part)


def _by_number(state: State) -> dict[int, dict[str, Any]]:
    groups: dict[int, dict[str, Any]] = {}
    for (number, path), leaf in state.items():
        groups.setdefault(number, {})[path] = leaf
    return groups


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


def _state_of(value: Any, left_out: Collection[int] = ()) -> dict[str, Any]:
    """Return weights, random numbers and plain attributes by their path."""
    if not _is_nnx(value):
        plain = int | float | str | np.ndarray | jax.Array
        return {
            name: copied(leaf)
            for name, leaf in getattr(value, "__dict__", {}).items()
            if not name.startswith("_") and isinstance(leaf, plain)
        }
    found = {
        path: _copy(_read(variable))
        for path, variable in _variables(value).items()
        if id(variable) not in left_out
    }
    return found | {
        f"{path}/{_FLAG}": vars(node)[_FLAG] for path, node in _flagged(value)
    }


def _load(twin: Any, group: dict[str, Any]) -> None:
    if not _is_nnx(twin):
        for name, leaf in group.items():
            if name in vars(twin):
                setattr(twin, name, copied(leaf))
        return
    variables = _variables(twin)
    for path, leaf in group.items():
        if path in variables:
            _write(variables[path], leaf)
        elif not path.endswith(_NO_WEIGHTS):
            raise NoTwinError(
                f"its weights do not fit the bridge's "
                f"{type(twin).__name__}, which has no {path}"
            )
    flags = {path: x for path, x in group.items() if path.endswith(_FLAG)}
    for path, node in _flagged(twin):
        default = all(flags.values())
        setattr(node, _FLAG, flags.get(f"{path}/{_FLAG}", default))


def _variables(module: Any) -> dict[str, Any]:
    from flax import nnx

    return {
        "/".join(map(str, path)): node
        for path, node in nnx.iter_graph(module)
        if isinstance(node, nnx.Variable)
    }


def _flagged(module: Any) -> list[tuple[str, Any]]:
    from flax import nnx

    return [
        ("/".join(map(str, path)), node)
        for path, node in nnx.iter_graph(module)
        if isinstance(vars(node).get(_FLAG) if _has(node) else None, bool)
    ]


def _has(node: Any) -> bool:
    return hasattr(node, "__dict__")


# flax 0.12 deprecates `.value`, which 0.10 needs.
def _read(variable: Any) -> Any:
    getter = getattr(type(variable), "get_value", None)
    return variable.value if getter is None else getter(variable)


def _write(variable: Any, value: Any) -> None:
    if hasattr(type(variable), "set_value"):
        variable.set_value(_copy(value))
    else:
        variable.value = _copy(value)


def _copy(leaf: Any) -> Any:
    # What trains may give away its arrays.
    if isinstance(leaf, jax.core.Tracer) or not hasattr(leaf, "copy"):
        return leaf
    return leaf.copy()


def _check_reach(function: Any) -> None:
    """Refuse a function that could change what it does not own."""
    for name, value in _reached_by(function).items():
        if _is_nnx(value):
            raise NoTwinError(
                f"the function {_name(function)} uses {name!r}, an object of "
                "nnx that a second call could change; pass it as an argument"
            )
        if isinstance(value, np.random.Generator | random.Random):
            raise NoTwinError(
                f"the function {_name(function)} draws from {name!r}, whose "
                "random numbers a second call would use up"
            )


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _reached_by(function: Any) -> dict[str, Any]:
    if isinstance(function, functools.partial):
        found = {str(n): x for n, x in enumerate(function.args)}
        return found | function.keywords | _reached_by(function.func)
    if inspect.ismethod(function):
        owner = function.__self__
        found = {"self": owner} | getattr(owner, "__dict__", {})
        return found | _reached_by(function.__func__)
    if inspect.isfunction(function):
        used = inspect.getclosurevars(function)
        return {**used.globals, **used.nonlocals}
    return getattr(function, "__dict__", {})
