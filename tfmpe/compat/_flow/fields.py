"""Legacy vector fields, split for ``jit`` and merged again."""

import functools
import inspect
from typing import Any

import jax
from flax import nnx

from tfmpe.estimators._flow.vector_field import (
    SplitField,
    merge_field,
    split_field,
)


def split_legacy(field: Any) -> SplitField:
    """Split a legacy field into static and traced parts for ``jit``.

    Parameters are read at each call if the field is an NNX module, a bound
    method of one, or another pytree. A field that refers to an NNX module in
    another way, such as a closure, is compiled at each call, as all fields are
    in the legacy package (L23): a compiled closure would keep old parameters.
    """
    owner = getattr(field, "__self__", None)
    if isinstance(owner, nnx.Module):
        static, parameters, rest = split_field(owner)
        return SplitField(("method", field.__func__, static), parameters, rest)
    if not isinstance(field, nnx.Module) and _refers_to_module(field):
        return SplitField(("once", _Once(field)), None, None)
    return split_field(field)


def merge_legacy(static: Any, parameters: Any, rest: Any) -> Any:
    """Rebuild a field from the result of :func:`split_legacy`."""
    if static[0] == "once":
        return static[1].field
    if static[0] == "method":
        _, function, static = static
        owner = merge_legacy(static, parameters, rest)
        return functools.partial(function, owner)
    # Copied, because a trace can only modify objects created in it. So every
    # evaluation starts with the same RNG counts: in training mode, the dropout
    # mask is the same at all times of an ODE solve (L33).
    arrays = jax.tree.map(lambda leaf: leaf, (parameters, rest))
    return merge_field(static, *arrays)


class _Once:
    """A field that is equal only to itself."""

    def __init__(self, field: Any) -> None:
        self.field = field


def _refers_to_module(field: Any) -> bool:
    """Return whether an object that is not an NNX module refers to one."""
    field = inspect.unwrap(field)
    held: list[Any] = []
    if isinstance(field, functools.partial):
        held += [field.func, *field.args, *field.keywords.values()]
    elif inspect.isfunction(field):
        names = inspect.getclosurevars(field)
        held += [*names.nonlocals.values(), *names.globals.values()]
        held += [*(field.__defaults__ or ())]
        held += [*(field.__kwdefaults__ or {}).values()]
    elif hasattr(field, "__dict__"):
        held += vars(field).values()
    return any(
        isinstance(leaf, nnx.Module)
        for leaf in jax.tree.leaves(
            held, is_leaf=lambda x: isinstance(x, nnx.Module)
        )
    )
