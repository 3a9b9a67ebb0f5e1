"""Nested dictionaries of arrays, and the flat names of their leaves.

A leaf at ``tree['site']['obs']`` has the path ``('site', 'obs')`` and the
name ``'site/obs'``. Dictionaries keep the order in which they were written:
JAX's own tree functions sort keys, so they cannot be used here.
"""

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import numpy as np

from .errors import unknown_key

SEPARATOR = "/"

Tree: TypeAlias = Any
"""A nested dictionary with string keys; anything else is refused when read."""


class Leaf(NamedTuple):
    """One array of a tree, with its name and path."""

    name: str
    path: tuple[str, ...]
    value: Any


@runtime_checkable
class HasPath(Protocol):
    """A leaf, or another object that belongs to one leaf."""

    @property
    def path(self) -> tuple[str, ...]:
        """Keys from the root of the tree to the leaf."""
        ...


def flatten_tree(tree: Tree, what: str) -> list[Leaf]:
    """List the leaves of a nested dictionary in their written order.

    Everything except a mapping is a leaf. Lists, tuples, empty dictionaries
    and equal names are refused. ``what`` names the tree in messages.
    """
    if not isinstance(tree, Mapping):
        raise TypeError(
            f"{what} must be a dictionary of arrays, not "
            f"{type(tree).__name__}. Use a key for every array."
        )
    leaves: list[Leaf] = []
    _collect(tree, (), leaves, what)
    names = [leaf.name for leaf in leaves]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{what} has several leaves with the names {twice}: nested keys "
            f"are joined with {SEPARATOR!r}. Rename one of them."
        )
    return leaves


def _collect(
    tree: Mapping[Any, Any],
    path: tuple[str, ...],
    leaves: list[Leaf],
    what: str,
) -> None:
    if path and not tree:
        raise ValueError(
            f"{what} has an empty dictionary at {SEPARATOR.join(path)!r}, "
            "which cannot be rebuilt from tokens. Remove it."
        )
    for key, value in tree.items():
        if not isinstance(key, str):
            raise TypeError(
                f"{what} has the key {key!r} of type {type(key).__name__}; "
                "keys must be strings."
            )
        here = (*path, key)
        if isinstance(value, Mapping):
            _collect(value, here, leaves, what)
        elif isinstance(value, (list, tuple)):
            raise TypeError(
                f"{what} has a {type(value).__name__} at "
                f"{SEPARATOR.join(here)!r}; expected an array or a "
                "dictionary. Convert it with numpy.asarray."
            )
        else:
            leaves.append(Leaf(SEPARATOR.join(here), here, value))


def own_copy(tree: Tree) -> Tree:
    """Return a copy that a user's function may change in place."""
    if isinstance(tree, Mapping):
        return {key: own_copy(value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(own_copy(value) for value in tree)
    fixed = (jax.Array, np.generic)
    changes = hasattr(tree, "__array__") and not isinstance(tree, fixed)
    return copy.deepcopy(tree) if changes else tree


def unflatten_tree(
    leaves: Iterable[HasPath], values: Iterable[Any]
) -> dict[str, Any]:
    """Rebuild nested dictionaries from the values at the paths of leaves."""
    tree: dict[str, Any] = {}
    for leaf, value in zip(leaves, values, strict=True):
        node = tree
        for part in leaf.path[:-1]:
            node = node.setdefault(part, {})
        node[leaf.path[-1]] = value
    return tree


def lookup_as_given(
    spec: Tree, names: Collection[str], what: str
) -> dict[str, Any]:
    """Return the entries of a (nested) dictionary by name, unconverted."""
    found: dict[str, Any] = {}
    if spec is None:
        return found
    if not isinstance(spec, Mapping):
        raise TypeError(f"{what} must be a dictionary, not {spec!r}.")
    waiting = [(str(name), value) for name, value in spec.items()]
    for name, value in waiting:
        start = name + SEPARATOR
        if name in names:
            found[name] = value
        elif isinstance(value, Mapping) and any(
            other.startswith(start) for other in names
        ):
            waiting += [
                (f"{start}{part}", each) for part, each in value.items()
            ]
        else:
            raise unknown_key(name, names, f"It was named by {what}.")
    return found


def lookup_per_key(
    spec: Tree,
    names: Iterable[str],
    what: str,
    default: Any,
    convert: Callable[[Any, str], Any],
    *,
    one_for_all: bool = False,
) -> dict[str, Any]:
    """Return a setting for every key, from a (nested) dictionary for some keys.

    Other keys get the ``default``. ``convert(value, description)`` reads each
    given value; with ``one_for_all`` a single value may be given for all keys.
    """
    names = list(names)
    if one_for_all and not isinstance(spec, Mapping | None):
        return dict.fromkeys(names, convert(spec, what))
    given = lookup_as_given(spec, names, what)
    return {
        name: convert(given[name], f"{what} of {name!r}")
        if name in given
        else default
        for name in names
    }
