"""Marks: which elements of the arrays in a program depend on chosen inputs.

The chosen elements of the inputs are marked; then so is every element of
another array that may depend on a marked one.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
from jax.extend.core import JaxprEqn
from jaxtyping import Array, Bool

from tfmpe._base.arrays import AnyArray

Marks: TypeAlias = Bool[AnyArray, "..."] | None
"""True for marked elements; None if no element can be marked."""


class State(NamedTuple):
    """Knowledge about a variable of a program.

    ``value`` is the array if it does not depend on the inputs, else None. Only
    variables without a known value can have marks.
    """

    value: Any = None
    marks: Marks = None


UNKNOWN = State()

Rule: TypeAlias = Callable[[JaxprEqn, Sequence[State]], list[Marks]]


def shape_of(var: Any) -> tuple[int, ...]:
    """Return the shape of a variable of a program."""
    return tuple(var.aval.shape)


def dense(state: State, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """Return the marks of a variable as an array of its shape."""
    if state.marks is None:
        return jnp.zeros(shape, bool)
    return jnp.broadcast_to(state.marks, shape)


def dense_all(
    states: Sequence[State], variables: Sequence[Any]
) -> list[Bool[Array, "..."]]:
    """Return the marks of several states as arrays of their variables."""
    return [
        dense(state, shape_of(var))
        for state, var in zip(states, variables, strict=True)
    ]
