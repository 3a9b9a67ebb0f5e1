"""The bridge's own version of a legacy flow or estimator.

It has the same vector field and begins at the same random number, and it
changes neither: the field is copied, and the random numbers are looked at
without being drawn. Needs the extra `flow`.
"""

import functools
import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from tfmpe.compat._flow._keys import peek_key
from tfmpe.compat.nn.transformer import read_parameters
from tfmpe.migrate.replay.flow_calls import Setting

from .errors import NoTwinError
from .finder import belongs_to

__all__ = ["Twin", "remember", "twin_of", "weights_of"]

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
    given = dict(zip(names, args, strict=False)) | kwargs
    _arguments[instance] = given


def twin_of(instance: Any, package: str) -> Twin:
    """Return what the bridge's version of a legacy object is made of.

    Parameters
    ----------
    instance
        A legacy flow or estimator, before it is called.
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
    flow = _part(instance, _FLOW, instance)
    for made in (instance, flow):
        if type(made).__module__.partition(".")[0] != package:
            raise NoTwinError(
                f"its class {type(made).__qualname__} is the script's own"
            )
    field = _part(flow, _FIELD, None)
    if field is None:
        raise NoTwinError(
            f"{type(flow).__qualname__} has no vector field {_FIELD!r}"
        )
    key = _next_key(_part(flow, _RNGS, None))
    if isinstance(field, nnx.Module):
        graph, state = nnx.split(field)
        arrays, structure = jax.tree.flatten(state)

        def merged(arrays: list[Any]) -> Any:
            return nnx.merge(graph, jax.tree.unflatten(structure, arrays))

        kind = type(field)
        is_legacy = belongs_to(kind.__module__, package)
        is_network = is_legacy and kind.__name__ == "Transformer"
        return Twin(merged, arrays, key, field if is_network else None)
    _check_reach(field)
    arrays, structure = jax.tree.flatten(field)
    return Twin(structure.unflatten, arrays, key)


def weights_of(twin: Twin) -> dict[str, Any] | None:
    """Return the weights of the legacy network by path, None without one."""
    return None if twin.network is None else read_parameters(twin.network)


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


def _check_reach(field: Any) -> None:
    """Refuse a function that could change what it does not own."""
    for name, value in _reached(field).items():
        if isinstance(value, nnx.Module | nnx.Rngs):
            raise NoTwinError(
                f"its vector field uses {name!r}, an object of nnx that a "
                "second call could change; make it the vector field itself"
            )


def _reached(field: Any) -> dict[str, Any]:
    if isinstance(field, functools.partial):
        found = {str(n): x for n, x in enumerate(field.args)}
        return found | field.keywords | _reached(field.func)
    if inspect.ismethod(field):
        return {"self": field.__self__} | _reached(field.__func__)
    if inspect.isfunction(field):
        used = inspect.getclosurevars(field)
        return {**used.globals, **used.nonlocals}
    return {}
