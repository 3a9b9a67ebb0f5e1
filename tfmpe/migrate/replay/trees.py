"""Trees of values whose dicts, unlike those of JAX, keep their key order."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.core
import numpy as np

from tfmpe._base.keys import without_keys
from tfmpe.migrate.recordings.nodes import Abstract


def mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree of dicts, lists and tuples with its leaves mapped."""
    if type(tree) is dict:
        return {key: mapped(change, value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(mapped(change, value) for value in tree)
    return change(tree)


def copied(tree: Any) -> Any:
    """Copy everything that a call could change in place."""
    return mapped(
        lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, tree
    )


@dataclass(frozen=True)
class _Slot:
    number: int


@dataclass(frozen=True)
class _Registered:
    """A container that is registered with jax."""

    structure: Any
    children: tuple[Any, ...]


def take_apart(tree: Any, taken_out: list[Any], kinds: Any = jax.Array) -> Any:
    """Return a tree with slots in place of all leaves of some kinds."""

    def take(leaf: Any) -> Any:
        if isinstance(leaf, kinds):
            taken_out.append(leaf)
            return _Slot(len(taken_out) - 1)
        leaves, structure = jax.tree.flatten(leaf)
        if leaf is None or jax.tree_util.treedef_is_leaf(structure):
            return copied(leaf)
        return _Registered(structure, tuple(mapped(take, x) for x in leaves))

    return mapped(take, tree)


def fill(taken: Any, values: list[Any]) -> Any:
    """Return a tree from `take_apart` with values in its slots."""

    def put(leaf: Any) -> Any:
        if isinstance(leaf, _Slot):
            return values[leaf.number]
        if isinstance(leaf, _Registered):
            children = [mapped(put, child) for child in leaf.children]
            return jax.tree.unflatten(leaf.structure, children)
        return copied(leaf)

    return mapped(put, taken)


def arrays_of(tree: Any) -> list[Any]:
    """Return all arrays of a tree."""
    found: list[Any] = []
    take_apart(tree, found, (jax.Array, np.ndarray))
    return found


def has_tracer(tree: Any) -> bool:
    """Return whether a tree contains tracers."""
    return any(isinstance(x, jax.core.Tracer) for x in arrays_of(tree))


def abstracted(tree: Any) -> Any:
    """Return a tree with shape and data type in place of every tracer."""
    tracers: list[Any] = []
    taken = take_apart(tree, tracers, jax.core.Tracer)
    return fill(taken, [Abstract(x.shape, x.dtype.name) for x in tracers])


def n_bytes(tree: Any) -> int:
    """Return the bytes of all concrete arrays of a tree."""
    # JAX 0.5.3 does not know the size of new-style keys.
    arrays = map(without_keys, arrays_of(tree))
    return sum(x.nbytes for x in arrays if not isinstance(x, jax.core.Tracer))


def leaf_paths(tree: Any, path: str) -> dict[str, Any]:
    """Return the arrays of a tree by their paths, as in `compare`."""
    if isinstance(tree, jax.Array | np.ndarray):
        return {path: tree}
    entries = tree.items() if isinstance(tree, dict) else ()
    if isinstance(tree, list | tuple):
        entries = enumerate(tree)
    found: dict[str, Any] = {}
    for name, leaf in entries:
        found |= leaf_paths(leaf, f"{path}[{name!r}]")
    return found
