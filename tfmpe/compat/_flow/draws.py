"""Base draws of a flow, and its evaluation mode."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.errors import TraceContextError

from tfmpe.compat._flow.keys import take_key


def check_theta_shape(theta_shape: Any) -> None:
    """Raise an error if the shape is not a tuple.

    Raises
    ------
    TypeError
    """
    if not isinstance(theta_shape, tuple):
        raise TypeError(
            f"theta_shape is {theta_shape!r}, expected a tuple of ints such "
            "as (2, 1)."
        )


def base_draw(
    rngs: Any, theta_0: Any, shape: tuple[int, ...], context: Any
) -> Any:
    """Return the start of the paths: ``theta_0``, or a new normal draw.

    Raises
    ------
    AssertionError
        If ``theta_0`` has a different shape.
    """
    if theta_0 is None:
        return jax.random.normal(take_key(rngs, context), shape)
    if jnp.shape(theta_0) != shape:
        raise AssertionError(
            f"theta_0 has shape {jnp.shape(theta_0)}, expected {shape}: the "
            "number of draws, then theta_shape."
        )
    return theta_0


def evaluated(model: Any) -> Any:
    """Return a model, or a copy under a trace, set to evaluation mode.

    Newer Flax does not allow transformations to change outer objects.
    """
    if not isinstance(model, nnx.Module):
        return model
    try:
        model.eval()
    except TraceContextError:
        model = nnx.merge(*nnx.split(model))
        model.eval()
    return model
