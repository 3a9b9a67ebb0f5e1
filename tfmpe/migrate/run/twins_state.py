"""State of objects by path: weights, random numbers, plain attributes."""

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from tfmpe._base.keys import without_keys
from tfmpe.migrate.replay.trees import copied

_PROBES = (-0.7, 0.3)
_FLAG = "deterministic"
_NO_WEIGHTS = (_FLAG, "/key", "/count")


class NoTwinError(Exception):
    """An object has no version on the bridge, for the reason given."""


@dataclass(eq=False, repr=False)
class Pair:
    """An object and its twin; replaces both in the arguments of a call."""

    number: int
    kind: str
    original: Callable[[], Any]
    twin: Any = None
    why: str | None = None
    parts: list["Pair"] = field(default_factory=list)

    def __repr__(self) -> str:
        """Return the kind and the number."""
        return f"{self.kind} number {self.number}"

    def whole(self) -> list["Pair"]:
        """Return the pair, and the pairs from which it was created."""
        found: list[Pair] = [self]
        for pair in found:
            found += [part for part in pair.parts if part not in found]
        return found


State = dict[Pair, dict[str, Any]]
"""State of objects by path."""


def is_nnx(value: Any, *kinds: str) -> bool:
    """Return whether a value is an nnx module or nnx random numbers."""
    nnx = sys.modules.get("flax.nnx")
    of = [getattr(nnx, kind) for kind in kinds or ("Module", "Rngs") if nnx]
    return isinstance(value, tuple(of))


def is_rngs(value: Any) -> bool:
    """Return whether a value is nnx random numbers."""
    return is_nnx(value, "Rngs")


def nodes_of(module: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return all nodes of an nnx module with their paths."""
    from flax import nnx

    return list(nnx.iter_graph(module))


def child(owner: Any, path: Collection[Any]) -> Any:
    """Return the node of a module at a path."""
    for name in path:
        owner = owner[name] if isinstance(name, int) else getattr(owner, name)
    return owner


def variables_of(module: Any) -> dict[str, Any]:
    """Return the variables of an nnx module by path."""
    return {
        "/".join(map(str, path)): node
        for path, node in nodes_of(module)
        if is_nnx(node, "Variable")
    }


def state_of(value: Any, left_out: Collection[int] = ()) -> dict[str, Any]:
    """Return the state of an object, without variables of the given ids."""
    if not is_nnx(value):
        plain = int | float | str | np.ndarray | jax.Array
        return {
            name: copied(leaf)
            for name, leaf in getattr(value, "__dict__", {}).items()
            if not name.startswith("_") and isinstance(leaf, plain)
        }
    from tfmpe.migrate.replay.weights import value_of

    found = {
        path: _copy(value_of(variable))
        for path, variable in variables_of(value).items()
        if id(variable) not in left_out
    }
    return found | {p: vars(node)[_FLAG] for p, node in _flagged(value)}


def load(state: State) -> None:
    """Copy the state of originals to their twins."""
    for pair, held in state.items():
        if pair.why is None:
            fill_in(pair.twin, held)


def fill_in(twin: Any, held: dict[str, Any]) -> None:
    """Copy the state of an object to another object of the same kind."""
    if not is_nnx(twin):
        for name in held.keys() & vars(twin).keys():
            setattr(twin, name, copied(held[name]))
        return
    variables = variables_of(twin)
    for path, leaf in held.items():
        if path in variables:
            _write(variables[path], leaf)
        elif has_weights(path):
            raise NoTwinError(
                f"its weights do not fit the bridge's "
                f"{type(twin).__name__}, which has no {path}"
            )
    default = all(x for path, x in held.items() if path.endswith(_FLAG))
    for path, node in _flagged(twin):
        setattr(node, _FLAG, held.get(path, default))


def sides(state: State) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a state and the present state of the twins, for comparison."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    kinds: set[str] = set()
    for pair, held in state.items():
        if pair.why is None:
            name = f"{pair.kind} {pair.number}" * (pair.kind in kinds)
            kinds.add(pair.kind)
            own = state_of(pair.twin)
            for path, leaf in held.items():
                if not path.endswith(_FLAG):
                    shown = f"{name or pair.kind}: {path}"
                    old[shown] = view(leaf)
                    if path in own:
                        new[shown] = view(own[path])
    return old, new


def has_weights(path: str) -> bool:
    """Return whether a path holds weights."""
    return not path.endswith(_NO_WEIGHTS)


def view(value: Any) -> Any:
    """Return a result in a form that can be compared by value."""
    if type(value) is dict:
        return {_text(key): view(leaf) for key, leaf in value.items()}
    if type(value) in (list, tuple):
        return type(value)(view(leaf) for leaf in value)
    if isinstance(value, jax.Array):
        return without_keys(value)
    if is_nnx(value):
        return view(state_of(value))
    if hasattr(value, "forward_log_det_jacobian"):
        return {
            name: [getattr(value, name)(jnp.float32(x)) for x in _PROBES]
            for name in ("forward", "inverse")
        }
    if is_dataclass(value) and not isinstance(value, type | Pair):
        return {type(value).__name__: view(vars(value))}
    return value


def _text(key: Any) -> str:
    if isinstance(key, str):
        return key
    return jax.tree_util.keystr(key) if isinstance(key, tuple) else repr(key)


def _flagged(module: Any) -> list[tuple[str, Any]]:
    """Return the parts with a training flag, by the path of the flag."""
    return [
        ("/".join([*map(str, path), _FLAG]), node)
        for path, node in nodes_of(module)
        if isinstance(getattr(node, "__dict__", {}).get(_FLAG), bool)
    ]


def _write(variable: Any, value: Any) -> None:
    # Flax 0.12 deprecates `.value`, which 0.10 needs.
    if hasattr(type(variable), "set_value"):
        variable.set_value(_copy(value))
    else:
        variable.value = _copy(value)


def _copy(leaf: Any) -> Any:
    # Training may donate its arrays.
    if isinstance(leaf, jax.core.Tracer) or not hasattr(leaf, "copy"):
        return leaf
    # Under jit, a copy of a key would fail, and others would be tracers.
    with jax.ensure_compile_time_eval():
        return leaf.copy()
