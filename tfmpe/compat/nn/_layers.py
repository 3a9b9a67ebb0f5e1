"""Dropout and attention that use PRNG keys like the legacy package.

The layers of Flax use the same formulas, but the way in which they use keys
changes between releases.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class Dropout(nnx.Module):
    """Zero a fraction of the values in training mode.

    Parameters
    ----------
    rate : float
        Share that is zeroed, 0 to 1; the others are divided by ``1 - rate``.
    rngs : nnx.Rngs
        Each call in training takes one key of the stream ``dropout``.
    """

    def __init__(self, rate: float, rngs: nnx.Rngs) -> None:
        self.rate = rate
        self.deterministic = False
        self.rngs = rngs

    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the values, some of them zeroed."""
        return drop(x, self) if self.rate else x


def drop(x: Any, module: Any) -> Any:
    """Drop entries at the rate and with the streams of a module."""
    if module.deterministic or not module.rate:
        return x
    keep = 1.0 - module.rate
    kept = jax.random.bernoulli(module.rngs.dropout(), keep, x.shape)
    return jnp.where(kept, x / keep, 0)


class Kernel(nnx.Module):
    """A matrix without bias, stored with more than two axes."""

    def __init__(
        self, dim: int, stored: tuple[int, ...], rngs: nnx.Rngs
    ) -> None:
        matrix = _lecun_normal(rngs.params(), (dim, dim), jnp.float32)
        self.kernel = nnx.Param(matrix.reshape(stored))


_lecun_normal = nnx.initializers.lecun_normal()


class Attention(nnx.Module):
    """Multi-head attention without biases.

    Parameters
    ----------
    n_heads, dim : int
        ``n_heads`` must divide ``dim``.
    rate : float
        Dropout of the attention weights.
    rngs : nnx.Rngs
        Stored only if ``rate`` is above 0.

    Raises
    ------
    ValueError
        If the number of heads does not divide ``dim``.
    """

    def __init__(
        self, n_heads: int, dim: int, rate: float, rngs: nnx.Rngs
    ) -> None:
        if dim % n_heads:
            raise ValueError(
                f"dim is {dim}, expected a multiple of n_heads, which is "
                f"{n_heads}."
            )
        split = (dim, n_heads, dim // n_heads)
        self.query = Kernel(dim, split, rngs)
        self.key = Kernel(dim, split, rngs)
        self.value = Kernel(dim, split, rngs)
        self.out = Kernel(dim, (*split[1:], dim), rngs)
        self.rate = rate
        self.deterministic = False
        if rate:
            self.rngs = rngs

    def __call__(
        self,
        x: Float[Array, "*n t dim"],
        context: Float[Array, "*n c dim"],
        mask: Any = None,
    ) -> Float[Array, "*n t dim"]:
        """Return the attention output for the tokens of ``x``.

        Parameters
        ----------
        x, context : Array
        mask : Array, shape (n or 1, heads or 1, t, c), or None
            Nonzero where attention is allowed. A row of zeros attends to all
            tokens equally (L22).
        """
        query, key, value, out = (
            part.kernel[...]
            for part in (self.query, self.key, self.value, self.out)
        )
        q = jnp.einsum("...td,dhk->...thk", x, query) / query.shape[-1] ** 0.5
        k = jnp.einsum("...cd,dhk->...chk", context, key)
        v = jnp.einsum("...cd,dhk->...chk", context, value)
        scores = jnp.einsum("...thk,...chk->...htc", q, k)
        if mask is not None:
            # Finite, so that a row of zeros is uniform and not NaN.
            lowest = jnp.finfo(scores.dtype).min
            scores = jnp.where(jnp.asarray(mask) != 0, scores, lowest)
        weights = drop(jax.nn.softmax(scores), self)
        mixed = jnp.einsum("...htc,...chk->...thk", weights, v)
        return jnp.einsum("...thk,hkd->...td", mixed, out)

    def take_keys(self) -> None:
        """Take the keys of a call without computing its result."""
        if self.rate and not self.deterministic:
            self.rngs.dropout()
