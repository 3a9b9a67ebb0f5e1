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
    """Take a legacy field apart for ``jit``.

    Its parameters are read anew at each call: those of an NNX module, of the
    module that a bound method belongs to, and of any other pytree. What
    refers to an NNX module in another way, by a closure say, is compiled
    for at each call, as the legacy package does for all (L23): compiled
    once, it would keep the parameters that it had then.
    """
    owner = getattr(field, "__self__", None)
    if isinstance(owner, nnx.Module):
        static, parameters, rest = split_field(owner)
        return SplitField(("method", field.__func__, static), parameters, rest)
    if not isinstance(field, nnx.Module) and _refers_to_module(field):
        return SplitField(("once", _Once(field)), None, None)
    return split_field(field)


def merge_legacy(static: Any, parameters: Any, rest: Any) -> Any:
    """Put a field together again, from what :func:`split_legacy` returned."""
    if static[0] == "once":
        return static[1].field
    if static[0] == "method":
        _, function, static = static
        owner = merge_legacy(static, parameters, rest)
        return functools.partial(function, owner)
    # Copied, as flax lets a trace change only what was made in it. So every
    # evaluation begins with the same counts: what is dropped, if the field is
    # in training mode, is the same at all times of a solution (L33).
    arrays = jax.tree.map(lambda leaf: leaf, (parameters, rest))
    return merge_field(static, *arrays)


class _Once:
    """A field that equals nothing but itself."""

    def __init__(self, field: Any) -> None:
        self.field = field


def _refers_to_module(field: Any) -> bool:
    """Whether an NNX module hides in what is not one."""
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
