"""Taking the arrays out of a tree and putting others in their place.

Unlike flattening by jax, this keeps the order of the keys of dicts.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from tfmpe.migrate.recordings.nodes import Abstract

__all__ = [
    "abstracted",
    "arrays_of",
    "copied",
    "fill",
    "has_tracer",
    "leaf_paths",
    "n_bytes",
    "take_apart",
]


def copied(tree: Any) -> Any:
    """Copy whatever a call could change in place."""
    if type(tree) is dict:
        return {key: copied(value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(copied(value) for value in tree)
    return tree.copy() if isinstance(tree, np.ndarray) else tree


@dataclass(frozen=True)
class _Slot:
    number: int


@dataclass(frozen=True)
class _Registered:
    """A container that jax knows and Python does not."""

    structure: Any
    children: tuple[Any, ...]


def take_apart(tree: Any, arrays: list[Any]) -> Any:
    """Return a tree with a slot for every array of jax.

    Parameters
    ----------
    tree
        Arrays, tracers and anything else.
    arrays
        What is taken out is added to it.

    Returns
    -------
    object
        For `fill`. NumPy arrays are copied and stay.
    """
    if isinstance(tree, jax.Array):
        arrays.append(tree)
        return _Slot(len(arrays) - 1)
    if type(tree) is dict:
        return {name: take_apart(leaf, arrays) for name, leaf in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(take_apart(leaf, arrays) for leaf in tree)
    leaves, structure = jax.tree.flatten(tree)
    if tree is None or jax.tree_util.treedef_is_leaf(structure):
        return copied(tree)
    children = tuple(take_apart(leaf, arrays) for leaf in leaves)
    return _Registered(structure, children)


def fill(taken: Any, arrays: list[Any]) -> Any:
    """Return the tree again, with these arrays.

    Parameters
    ----------
    taken
        From `take_apart`.
    arrays
        One for every array that was taken out.

    Returns
    -------
    object
    """
    if isinstance(taken, _Slot):
        return arrays[taken.number]
    if isinstance(taken, _Registered):
        children = [fill(child, arrays) for child in taken.children]
        return jax.tree.unflatten(taken.structure, children)
    if type(taken) is dict:
        return {name: fill(leaf, arrays) for name, leaf in taken.items()}
    if type(taken) in (list, tuple):
        return type(taken)(fill(leaf, arrays) for leaf in taken)
    return copied(taken)


def arrays_of(tree: Any) -> list[Any]:
    """Return all arrays of a tree, whatever else it holds."""
    if isinstance(tree, jax.Array | np.ndarray):
        return [tree]
    if isinstance(tree, dict):
        return [array for leaf in tree.values() for array in arrays_of(leaf)]
    if isinstance(tree, list | tuple):
        return [array for leaf in tree for array in arrays_of(leaf)]
    leaves, structure = jax.tree.flatten(tree)
    if tree is None or jax.tree_util.treedef_is_leaf(structure):
        return []
    return [array for leaf in leaves for array in arrays_of(leaf)]


def has_tracer(tree: Any) -> bool:
    """Return whether a tree has values that are not known yet."""
    return any(isinstance(x, jax.core.Tracer) for x in arrays_of(tree))


def abstracted(tree: Any) -> Any:
    """Return a tree with shape and data type in place of every tracer."""
    arrays: list[Any] = []
    taken = take_apart(tree, arrays)
    return fill(
        taken,
        [
            Abstract(array.shape, array.dtype.name)
            if isinstance(array, jax.core.Tracer)
            else array
            for array in arrays
        ],
    )


def n_bytes(tree: Any) -> int:
    """Return the bytes of all arrays of a tree whose values are known."""
    return sum(
        _plain(array).nbytes
        for array in arrays_of(tree)
        if not isinstance(array, jax.core.Tracer)
    )


def _plain(array: Any) -> Any:
    # jax 0.5.3 cannot tell how many bytes keys of the new kind have.
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        return jax.random.key_data(array)
    return array


def leaf_paths(tree: Any, path: str) -> dict[str, Any]:
    """Return the arrays of a tree by the path that `compare` gives them.

    Parameters
    ----------
    tree
        Dicts, lists and tuples of arrays.
    path
        What the whole tree is called.

    Returns
    -------
    dict of str to array

    Examples
    --------
    >>> import numpy as np
    >>> list(leaf_paths({"a": (np.zeros(1),)}, "output"))
    ["output['a'][0]"]
    """
    if isinstance(tree, jax.Array | np.ndarray):
        return {path: tree}
    found: dict[str, Any] = {}
    if isinstance(tree, dict):
        for name, leaf in tree.items():
            found |= leaf_paths(leaf, f"{path}[{name!r}]")
    elif isinstance(tree, list | tuple):
        for number, leaf in enumerate(tree):
            found |= leaf_paths(leaf, f"{path}[{number}]")
    return found
