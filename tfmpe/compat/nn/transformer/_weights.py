"""Holders of weights: their attributes make up the legacy paths.

A stack holds the weights of all its layers, the layer axis first. A layer is
given by its number or numbers, None where there is no stack.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

Layer = int | tuple[int, ...] | None

lecun_normal = nnx.initializers.lecun_normal()


class Keys:
    """Keys for the weights of a stack, in the order the legacy drew them.

    Parameters
    ----------
    keys : Array of PRNG keys, any shape
        One per layer. Weight number ``i`` of a layer comes from its key,
        folded with ``i``.
    """

    def __init__(self, keys: Any) -> None:
        self._keys = keys
        self._count = 0

    def next(self) -> Any:
        """Return the next key of every layer."""
        fold = jax.random.fold_in
        for _ in range(self._keys.ndim):
            fold = jax.vmap(fold, (0, None))
        keys = fold(self._keys, self._count)
        self._count += 1
        return keys

    def split(self, n: int) -> "Keys":
        """Return keys for an inner stack of ``n`` layers in each layer."""
        split = _over_layers(lambda key: jax.random.split(key, n), self._keys)
        return Keys(split(self.next()))

    def draw(self, init: Callable[..., Any], shape: tuple[int, ...]) -> Any:
        """Draw one weight for every layer, of shape ``layers + shape``."""
        keys = self.next()
        return _over_layers(lambda key: init(key, shape, jnp.float32), keys)(
            keys
        )

    def constant(self, value: float, shape: tuple[int, ...]) -> Any:
        """Return a weight that starts constant; its key is used up."""
        return jnp.full((*self.next().shape, *shape), value, jnp.float32)


def _over_layers(function: Callable[..., Any], keys: Any) -> Any:
    for _ in range(keys.ndim):
        function = jax.vmap(function)
    return function


class Kernel(nnx.Module):
    """A matrix without bias; it may be stored with more axes."""

    def __init__(
        self, keys: Keys, matrix: tuple[int, int], stored: tuple[int, ...]
    ) -> None:
        kernel = keys.draw(lecun_normal, matrix)
        n_stack = kernel.ndim - 2
        self.kernel = nnx.Param(kernel.reshape(kernel.shape[:n_stack] + stored))


class Linear(nnx.Module):
    """A matrix and a bias."""

    def __init__(self, keys: Keys, n_in: int, n_out: int) -> None:
        self.kernel = nnx.Param(keys.draw(lecun_normal, (n_in, n_out)))
        self.bias = nnx.Param(keys.constant(0.0, (n_out,)))

    def __call__(self, x: Any, layer: Layer = None) -> Any:
        """Apply it to the last axis."""
        return x @ take(self.kernel, layer) + take(self.bias, layer)


class LayerNorm(nnx.Module):
    """Normalise the last axis, then scale and shift it."""

    def __init__(self, keys: Keys, n: int) -> None:
        self.scale = nnx.Param(keys.constant(1.0, (n,)))
        self.bias = nnx.Param(keys.constant(0.0, (n,)))

    def __call__(self, x: Any, layer: Layer = None) -> Any:
        """Apply it to the last axis."""
        # As flax has it, down to the formula of the variance.
        mean = x.mean(-1, keepdims=True)
        square = (x * x).mean(-1, keepdims=True)
        variance = jnp.maximum(square - mean * mean, 0.0)
        scale = take(self.scale, layer) * jax.lax.rsqrt(variance + 1e-6)
        return (x - mean) * scale + take(self.bias, layer)


def take(weight: Any, layer: Layer) -> Any:
    """Return the array of a weight, or that of one layer of the stack."""
    return weight[...] if layer is None else weight[layer]
