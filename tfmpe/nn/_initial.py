"""Initial parameters, drawn on the host, which compiles nothing."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jax.core import Tracer
from jax.typing import DTypeLike


def normal(
    key: Array,
    shape: tuple[int, ...],
    dtype: DTypeLike = jnp.float32,
    scale: float | None = None,
) -> Array:
    """Return normal values; the same key gives the same ones.

    By default with a variance of 1 over the inputs, which are all axes but
    the last: that keeps the variance of what a linear layer returns (LeCun et
    al., 1998).
    """
    if scale is None:
        scale = 1 / math.sqrt(max(math.prod(shape[:-1]), 1))
    if isinstance(key, Tracer):
        return jax.random.normal(key, shape, dtype) * jnp.asarray(scale, dtype)
    words = np.asarray(jax.random.key_data(key)).reshape(-1)
    values = np.random.default_rng(words.tolist()).normal(0, scale, shape)
    return jnp.asarray(values.astype(dtype))


def constant(
    value: float,
    key: Array | None,
    shape: tuple[int, ...],
    dtype: DTypeLike = jnp.float32,
) -> Array:
    """Return equal values."""
    del key
    return jnp.asarray(np.full(shape, value, dtype))


zeros, ones = partial(constant, 0), partial(constant, 1)


class Linear(nnx.Linear):
    """A linear layer, with initial values of this module."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        from_zero: bool = False,
        **options: Any,
    ) -> None:
        kernel = zeros if from_zero else normal
        super().__init__(
            n_in, n_out, kernel_init=kernel, bias_init=zeros, **options
        )
