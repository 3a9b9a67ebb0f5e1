"""Nested dictionaries of arrays, and the flat names of their leaves.

A leaf at ``tree['site']['obs']`` has the path ``('site', 'obs')`` and the
name ``'site/obs'``. Dictionaries keep the order in which they were written:
jax's own tree functions sort keys, so they cannot be used here.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from tfmpe._base.errors import unknown_key

SEPARATOR = "/"


class Leaf(NamedTuple):
    """One array of a tree with its place."""

    name: str
    path: tuple[str, ...]
    value: Any


def flatten_tree(tree: Any, what: str) -> list[Leaf]:
    """List the leaves of a nested dictionary in their written order.

    Parameters
    ----------
    tree : mapping
        Nested dictionaries with string keys; whatever is not a mapping is a
        leaf.
    what : str
        Name of the argument, for messages.

    Raises
    ------
    TypeError
        If ``tree`` is not a mapping, or holds a list, tuple or a key that
        is not a string.
    ValueError
        If two leaves have the same name, or a dictionary is empty.
    """
    if not isinstance(tree, Mapping):
        raise TypeError(
            f"{what} must be a dictionary of arrays, not "
            f"{type(tree).__name__}. Give every array a key."
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


def own_copy(tree: Any) -> Any:
    """Return a tree that a function of the user may change as it likes.

    Parameters
    ----------
    tree : object
        Dictionaries, lists and tuples are made anew, arrays that are not
        of jax are copied; all else cannot be changed in place.
    """
    if isinstance(tree, Mapping):
        return {key: own_copy(value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(own_copy(value) for value in tree)
    fixed = (jax.Array, np.generic)
    changes = hasattr(tree, "__array__") and not isinstance(tree, fixed)
    return copy.deepcopy(tree) if changes else tree


def unflatten_tree(
    paths: Iterable[tuple[str, ...]], values: Iterable[Any]
) -> dict[str, Any]:
    """Rebuild nested dictionaries from paths and their values."""
    tree: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value
    return tree


def lookup_per_key(
    spec: Any,
    names: Iterable[str],
    what: str,
    default: Any,
    convert: Callable[[Any, str], Any],
    *,
    one_for_all: bool = False,
) -> dict[str, Any]:
    """Spread a setting over keys.

    Parameters
    ----------
    spec : None, mapping or value
        A (nested) dictionary for some of the keys.
    names : iterable of str
        The keys.
    what : str
        Name of the argument, for messages.
    default : object
        For keys that ``spec`` does not name.
    convert : callable
        ``convert(value, description)`` applied to each given value.
    one_for_all : bool
        Whether ``spec`` may be one value for every key.

    Raises
    ------
    UnknownKeyError
        If ``spec`` names a key that does not exist.
    """
    names = list(names)
    if spec is None:
        return dict.fromkeys(names, default)
    if one_for_all and not isinstance(spec, Mapping):
        return dict.fromkeys(names, convert(spec, what))
    given = {leaf.name: leaf.value for leaf in flatten_tree(spec, what)}
    for name in given:
        if name not in names:
            error = unknown_key(name, names)
            error.add_note(f"It was named by {what}.")
            raise error
    return {
        name: convert(given[name], f"{what} of {name!r}")
        if name in given
        else default
        for name in names
    }
