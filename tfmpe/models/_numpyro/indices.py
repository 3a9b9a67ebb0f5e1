"""Check of the indices of a model."""

from collections.abc import Callable, Mapping

import jax
from jax.experimental import checkify
from jaxtyping import Array

from tfmpe._base.arrays import AnyArray

from .sites import run_of


def check_indices(
    outputs: Callable[..., dict[str, Array]], draws: Mapping[str, AnyArray]
) -> None:
    """Raise if an index is out of bounds, which jax would not report."""
    checked = checkify.checkify(outputs, errors=checkify.index_checks)
    error, _ = jax.jit(checked)(run_of(draws, 0), jax.random.key(0))
    found = error.get()
    if found:
        raise ValueError(
            f"The model selects an element that does not exist: {found.strip()}"
            " Indices count from 0; check those among the arguments."
        )
