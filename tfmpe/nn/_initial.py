"""Initial parameters, drawn on the host without compilation."""

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
from jaxtyping import Float

from tfmpe._base.arrays import on_device
from tfmpe._base.keys import key_words


def normal(
    key: Array,
    shape: tuple[int, ...],
    dtype: DTypeLike = jnp.float32,
    scale: float | None = None,
) -> Array:
    """Return normal values; the same key gives the same values.

    By default their variance is 1 divided by the number of inputs (all axes
    but the last), which preserves the variance through a linear layer (LeCun
    et al., 1998).
    """
    if scale is None:
        scale = 1 / math.sqrt(max(math.prod(shape[:-1]), 1))
    if isinstance(key, Tracer):
        return jax.random.normal(key, shape, dtype) * jnp.asarray(scale, dtype)
    values = np.random.default_rng(key_words(key)).normal(0, scale, shape)
    return on_device(values.astype(dtype))


def constant(
    value: float,
    key: Array | None,
    shape: tuple[int, ...],
    dtype: DTypeLike = jnp.float32,
) -> Array:
    """Return an array filled with one value."""
    del key
    return on_device(np.full(shape, value, dtype))


zeros, ones = partial(constant, 0), partial(constant, 1)


class Linear(nnx.Linear):
    """A linear layer with the initializers of this module."""

    def __init__(
        self, n_in: int, n_out: int, *, from_zero: bool = False, **options: Any
    ) -> None:
        kernel = zeros if from_zero else normal
        super().__init__(
            n_in, n_out, kernel_init=kernel, bias_init=zeros, **options
        )

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: Float[Array, "*shape n_in"]
    ) -> Float[Array, "*shape n_out"]:
        """Return the outputs, as one product of matrices.

        With more axes, XLA copies activations for the gradient of the kernel.
        """
        rows = inputs.reshape((-1, inputs.shape[-1]))
        return super().__call__(rows).reshape((*inputs.shape[:-1], -1))
