"""A hidden layer with bounded gates."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe.nn._initial import Linear


class Gated(nnx.Module):
    """A hidden layer whose gates are bounded.

    Far from the data its values grow linearly, as exact posterior means do, and
    a sum over many groups stays finite.
    """

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_out: int,
        n_context: int = 0,
        *,
        scale: float = 1.0,
        rngs: nnx.Rngs,
    ) -> None:
        self.scale = scale
        self.inner = Linear(n_in, 2 * n_hidden, rngs=rngs)
        self.context = (
            Linear(n_context, 2 * n_hidden, use_bias=False, rngs=rngs)
            if n_context
            else None
        )
        self.out = Linear(n_hidden, n_out, rngs=rngs)

    def __call__(
        self,
        values: Float[Array, "*shape n_in"],
        context: Float[Array, "*_ n_context"] | None = None,
    ) -> Float[Array, "*shape n_out"]:
        """Return new vectors; ``context`` may have axes of size 1."""
        hidden = self.inner(values)
        if self.context is not None and context is not None:
            hidden = hidden + self.context(context)
        value, gate = jnp.split(hidden, 2, -1)
        return self.scale * self.out(value * jax.nn.sigmoid(gate))
