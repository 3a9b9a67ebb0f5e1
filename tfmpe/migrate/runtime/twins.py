"""The bridge's own version of a legacy flow or estimator.

It has the same vector field and begins at the same random number, and it
changes neither: the field is copied, and the random numbers are looked at
without being drawn. Needs the extra `flow`.
"""

import functools
import inspect
import random
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from tfmpe.compat._flow.keys import peek_key
from tfmpe.compat.nn.transformer import read_parameters
from tfmpe.migrate.replay.flow_calls import Setting

from .errors import NoTwinError
from .finder import belongs_to

__all__ = [
    "Copied",
    "Parts",
    "Twin",
    "check_reach",
    "made_of",
    "parts_of",
    "remember",
    "twin_of",
    "weights_of",
]

_NETWORK = "Transformer"
_FIELD, _FLOW, _RNGS = "vf_model", "structured_cnf", "rngs"


@dataclass(frozen=True)
class Twin:
    """What is needed to make it: a field as a function of its arrays, a key.

    Parameters
    ----------
    rebuild
        From the arrays to the vector field.
    arrays
        The arrays of the field.
    key
        The next one of the original's random numbers; None if unknown.
    network
        The original, where it is the legacy network.
    """

    rebuild: Callable[[list[Any]], Any]
    arrays: list[Any]
    key: Any
    network: Any = None

    def setting(self) -> Setting:
        """Return what the bridge's methods are called on."""
        return Setting(self.rebuild(self.arrays), _OneKey(self.key))


class _OneKey:
    def __init__(self, key: Any):
        self._key = key

    def base_dist(self) -> Any:
        if self._key is None:
            raise NoTwinError(
                "it draws random numbers from an object that is no nnx.Rngs, "
                "which cannot be looked at without drawing"
            )
        return self._key


_arguments: "weakref.WeakKeyDictionary[Any, dict[str, Any]]" = (
    weakref.WeakKeyDictionary()
)


def remember(
    instance: Any,
    names: tuple[str, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Note what an object was made of, where its attributes do not say.

    Parameters
    ----------
    instance
        The legacy object.
    names
        The parameters of its constructor.
    args, kwargs
        What the constructor was given.
    """
    names += tuple(str(n) for n in range(len(names), len(args)))
    given = dict(zip(names, args, strict=False)) | kwargs
    _arguments[instance] = given


def made_of(instance: Any) -> dict[str, Any]:
    """Return what an object was made of by name, as far as it is known."""
    return _arguments.get(instance, {})


class Copied:
    """A module or random numbers as they were, as often as wanted.

    Parameters
    ----------
    module
        Is not changed.
    """

    def __init__(self, module: Any):
        self._graph, state = nnx.split(module)
        leaves, self._structure = jax.tree.flatten(state)
        # Copies, as what trains may give away its own arrays.
        self._leaves = [leaf.copy() for leaf in leaves]

    def fresh(self, number: int = 0) -> Any:
        """Return it as it was, but for other random numbers if not 0."""
        leaves = [leaf.copy() for leaf in self._leaves]
        if number:
            leaves = [
                jax.random.fold_in(leaf, number)
                if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
                else leaf
                for leaf in leaves
            ]
        state = jax.tree.unflatten(self._structure, leaves)
        return nnx.merge(self._graph, state)


def twin_of(instance: Any, package: str) -> Twin:
    """Return what the bridge's version of a legacy object is made of.

    Parameters
    ----------
    instance
        A legacy flow, estimator or network, before it is called.
    package
        What the legacy package is called.

    Returns
    -------
    Twin

    Raises
    ------
    NoTwinError
        If the object is of a class of the script's own, its vector field is
        not found, or cannot be called without changing the script's objects.
    """
    if _is_network(instance, package):
        return _of_module(instance, None, instance)
    field, rngs, _ = parts_of(instance, package)
    key = _next_key(rngs)
    if isinstance(field, nnx.Module):
        network = field if _is_network(field, package) else None
        return _of_module(field, key, network)
    check_reach(field, "its vector field")
    arrays, structure = jax.tree.flatten(field)
    return Twin(structure.unflatten, arrays, key)


def _is_network(field: Any, package: str) -> bool:
    kind = type(field)
    return kind.__name__ == _NETWORK and belongs_to(kind.__module__, package)


def _of_module(field: nnx.Module, key: Any, network: Any) -> Twin:
    graph, state = nnx.split(field)
    arrays, structure = jax.tree.flatten(state)

    def merged(arrays: list[Any]) -> Any:
        return nnx.merge(graph, jax.tree.unflatten(structure, arrays))

    return Twin(merged, arrays, key, network)


class Parts(NamedTuple):
    """What a legacy flow or estimator consists of.

    Parameters
    ----------
    field
        The vector field.
    flow_rngs, rngs
        The random numbers of its flow, and its own.
    """

    field: Any
    flow_rngs: Any
    rngs: Any


def parts_of(instance: Any, package: str) -> Parts:
    """Return the parts of a legacy flow or estimator, not copied.

    Parameters
    ----------
    instance, package
        As of `twin_of`.

    Returns
    -------
    Parts

    Raises
    ------
    NoTwinError
        If the object is of a class of the script's own, or its vector field
        is not found.
    """
    _check_class(instance, package)
    flow = _part(instance, _FLOW, instance)
    _check_class(flow, package)
    field = _part(flow, _FIELD, None)
    if field is None:
        raise NoTwinError(
            f"{type(flow).__qualname__} has no vector field {_FIELD!r}"
        )
    return Parts(field, _part(flow, _RNGS, None), _part(instance, _RNGS, None))


def weights_of(twin: Twin) -> dict[str, Any] | None:
    """Return the weights of the legacy network by path, None without one."""
    if twin.network is None:
        return None
    # Those of the call; the script may have trained it since.
    return read_parameters(twin.rebuild(twin.arrays))


def _check_class(instance: Any, package: str) -> None:
    if not belongs_to(type(instance).__module__, package):
        raise NoTwinError(
            f"its class {type(instance).__qualname__} is the script's own"
        )


def _part(instance: Any, name: str, default: Any) -> Any:
    found = getattr(instance, name, None)
    if found is None:
        found = _arguments.get(instance, {}).get(name)
    return default if found is None else found


def _next_key(rngs: Any) -> Any:
    stream = getattr(rngs, "base_dist", None)
    if not (hasattr(stream, "key") and hasattr(stream, "count")):
        return None
    return peek_key(rngs)


def check_reach(function: Any, what: str) -> None:
    """Refuse a function that could change what it does not own.

    Parameters
    ----------
    function
        A function of the script that is to be called once more.
    what
        What it is, in words.

    Raises
    ------
    NoTwinError
        If it uses an object that draws random numbers, or one of nnx.
    """
    for name, value in _reached(function).items():
        if isinstance(value, nnx.Module | nnx.Rngs):
            raise NoTwinError(
                f"{what} uses {name!r}, an object of nnx that a second call "
                "could change; make it the vector field itself"
            )
        if isinstance(value, np.random.Generator | random.Random):
            raise NoTwinError(
                f"{what} draws from {name!r}, whose random numbers a second "
                "call would use up"
            )


def _reached(field: Any) -> dict[str, Any]:
    if isinstance(field, functools.partial):
        found = {str(n): x for n, x in enumerate(field.args)}
        return found | field.keywords | _reached(field.func)
    if inspect.ismethod(field):
        owner = field.__self__
        found = {"self": owner} | getattr(owner, "__dict__", {})
        return found | _reached(field.__func__)
    if inspect.isfunction(field):
        used = inspect.getclosurevars(field)
        return {**used.globals, **used.nonlocals}
    return getattr(field, "__dict__", {})
