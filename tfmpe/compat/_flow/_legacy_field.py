"""Calling a legacy vector field from the new engine."""

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe.estimators._flow.vector_field import (
    SplitField,
    merge_field,
    split_field,
)

Clock = tuple[float, float, float]

FORWARD: Clock = (0.0, 1.0, 1.0)
# From time 1 to 0, told as if from 0 to 1.
BACKWARD: Clock = (1.0, -1.0, -1.0)
NEGATIVE_TIME: Clock = (0.0, -1.0, 1.0)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("parameters", "rest", "given", "clock"),
    meta_fields=("static", "theta_shape", "time_shape"),
)
@dataclass(frozen=True)
class LegacyField:
    """A legacy vector field, as one of the new engine.

    Attributes
    ----------
    parameters, rest : tree of arrays
        Of the legacy field.
    given : dict
        The arguments that are neither theta nor time, as the caller gave
        them: context, labels, indices, masks. Arrays, so that other values
        of them compile nothing.
    clock : Array, shape (3,)
        What the field is handed at time t, and by what its velocities are
        multiplied: ``clock[0] + clock[1] * t``, and ``clock[2]``. An array,
        so that one compilation serves both directions.
    static : hashable
        What the legacy field is without its arrays.
    theta_shape : tuple of int
        Of one draw, as the field sees it.
    time_shape : tuple of int
        All ones: (1, 1, 1) for a structured field, (1, 1) for a plain one.

    Notes
    -----
    The engine maps over draws, so the field sees one at a time, with a
    leading axis of 1: legacy fields may count on that. Whatever its shape,
    theta is one token to the engine.
    """

    parameters: Any
    rest: Any
    given: Mapping[str, Any]
    clock: Any
    static: Any
    theta_shape: tuple[int, ...]
    time_shape: tuple[int, ...]

    def __call__(self, target: Any, conditioning: Any, time: Any) -> Any:
        """Return the velocities of the single row of ``target``."""
        del conditioning
        field = _merge(self.static, self.parameters, self.rest)
        start, speed, factor = self.clock
        velocity = factor * field(
            theta=target.data.reshape((1, *self.theta_shape)),
            time=jnp.reshape(start + speed * time, self.time_shape),
            **self.given,
        )
        shape = (1, *self.theta_shape)
        if velocity.shape != shape:
            raise ValueError(
                f"The vector field returned the shape {velocity.shape}, "
                f"expected {shape}: one velocity for every value of theta."
            )
        return velocity.reshape(target.data.shape)


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


def _merge(static: Any, parameters: Any, rest: Any) -> Any:
    if static[0] == "once":
        return static[1].field
    if static[0] == "method":
        _, function, static = static
        owner = _merge(static, parameters, rest)
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
