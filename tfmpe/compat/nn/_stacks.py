"""Stacks of identical layers: stacked weights and split random streams.

A stack is one NNX module whose weights have a leading axis of layers. Each
stream of its ``nnx.Rngs`` is advanced by one key, which is split into one key
per layer; the stream of layer ``i`` starts at count 0 with the ``i``-th key.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe.compat._flow.keys import next_key

Layer = TypeVar("Layer", bound=nnx.Module)


def split_streams(rngs: nnx.Rngs, n: int) -> dict[str, Any]:
    """Return ``n`` keys of every stream, and advance each stream by one.

    Under a transformation, outer streams are not advanced: Flax forbids it.
    """
    return {
        name: jax.random.split(next_key(rngs[name]), n) for name in sorted(rngs)
    }


def make_stack(
    make: Callable[[nnx.Rngs], Layer], n: int, rngs: nnx.Rngs
) -> Layer:
    """Return ``n`` layers as one module.

    Parameters
    ----------
    make : callable
        Returns one layer, with weights drawn from the streams it is given.
    n : int
        Number of layers.
    rngs : nnx.Rngs
        Split into ``n`` parts, one for each layer. The stack stores it.
    """
    keys = split_streams(rngs, n)
    weights = jax.vmap(lambda part: _weights(make(nnx.Rngs(**part))))(keys)
    stack = make(nnx.Rngs(**{name: 0 for name in keys}))
    state = nnx.state(stack, nnx.Param)
    nnx.replace_by_pure_dict(state, weights)
    nnx.update(stack, state)
    hold(stack, rngs)
    return stack


def layers(stack: Layer, rngs: nnx.Rngs) -> Iterator[Layer]:
    """Yield the layers of a stack, each with its part of the streams."""
    parts = unstacked(stack)
    keys = split_streams(rngs, len(parts))
    for i, layer in enumerate(parts):
        hold(layer, nnx.Rngs(**{name: keys[name][i] for name in keys}))
        yield layer


def unstacked(stack: Layer) -> list[Layer]:
    """Return the layers of a stack, without splitting its random streams."""
    graph, weights, rest = nnx.split(stack, nnx.Param, ...)
    n = len(jax.tree.leaves(weights)[0])
    return [
        nnx.merge(
            graph,
            jax.tree.map(lambda leaf, i=i: leaf[i], weights),
            jax.tree.map(jnp.asarray, rest),
        )
        for i in range(n)
    ]


def hold(module: nnx.Module, rngs: nnx.Rngs) -> None:
    """Replace the ``rngs`` of every part of a module that has them."""
    for part in [part for _, part in nnx.iter_graph(module)]:
        if isinstance(part, nnx.Module) and hasattr(part, "rngs"):
            holder: Any = part
            holder.rngs = rngs


def _weights(module: nnx.Module) -> Any:
    return nnx.to_pure_dict(nnx.state(module, nnx.Param))
