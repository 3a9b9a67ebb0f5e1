"""Mirror of ``sfmpe.nn.transformer.embedding``: token embeddings."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.preprocessing import PAD_VALUE


class GaussianFourierEmbedding(nnx.Module):
    """Fourier features of the functional inputs, with trained frequencies.

    Parameters
    ----------
    in_dim : int
        Functional inputs of a token.
    out_dim : int
        Columns of the result; one less if it is odd (L55).
    rngs : nnx.Rngs
        One key of ``params``. Frequencies are drawn in the default float
        type, so their initial values depend on the precision (L53).

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.embedding.GaussianFourierEmbedding``.
    Source: Tancik et al., 2020. Works under ``jit``.
    """

    def __init__(self, in_dim: int, out_dim: int, rngs: nnx.Rngs) -> None:
        shape = (in_dim, out_dim // 2)
        self.b = nnx.Param(jax.random.normal(rngs.params(), shape))

    def __call__(
        self, inputs: Float[Array, "*n in_dim"]
    ) -> Float[Array, "*n columns"]:
        """Return cosines, then sines."""
        # The compiler must not multiply b by 2 pi first, which rounds
        # differently and changes the output by 2e-5.
        waves = jax.lax.optimization_barrier(inputs @ self.b[...])
        angle = 2 * math.pi * waves
        return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


class Embedding(nnx.Module):
    """Embedding of value, label, functional inputs, time and side.

    Parameters
    ----------
    value_dim : int
        Values in a token.
    n_labels, label_dim : int
        Rows and columns of the table of labels.
    index_in_dim, index_out_dim : int
        Functional inputs of a token, and columns of their features.
    out_dim : int
        Width of the vectors.
    rngs : nnx.Rngs, optional
        By default all instances share ``nnx.Rngs(0)`` (L20).

    Notes
    -----
    Legacy: ``sfmpe.nn.transformer.embedding.Embedding``. Works under ``jit``.
    """

    def __init__(
        self,
        value_dim: int,
        n_labels: int,
        label_dim: int,
        index_in_dim: int,
        index_out_dim: int,
        out_dim: int,
        rngs: nnx.Rngs | None = None,
    ) -> None:
        rngs = or_shared(rngs, "nn.transformer.embedding.Embedding")
        self.embedding = nnx.Embed(n_labels, label_dim, rngs=rngs)
        self.gf_embedding = GaussianFourierEmbedding(
            index_in_dim, index_out_dim, rngs
        )
        n_columns = value_dim + label_dim + index_out_dim + 2
        self.linear = nnx.Linear(n_columns, out_dim, rngs=rngs)

    def __call__(
        self,
        values: Float[Array, "n t value_dim"],
        labels: Any,
        indices: Any,
        time: Any,
        is_context: bool = False,
    ) -> Float[Array, "n t out_dim"]:
        """Return the vector of every token.

        Parameters
        ----------
        values : Array
        labels : Array of int, shape (n or 1, t)
            A label beyond the table gives NaN, a negative one counts from
            the end (L55).
        indices : Array, shape (n or 1, t, index_in_dim), or None
        time : Array or float
            Must broadcast to ``(n, t, 1)``; None means -1e8.
        is_context : bool
            Whether the tokens belong to the context.

        Raises
        ------
        TypeError
            If the columns do not match: ``index_out_dim`` is odd, or not 0
            without ``indices`` (L55).
        """
        columns = [values, _rows(self.embedding.embedding[...], labels)]
        if indices is not None:
            columns.append(self.gf_embedding(indices))
        columns.append(jnp.asarray(PAD_VALUE if time is None else time))
        columns.append(jnp.asarray(float(is_context), values.dtype))
        joined = jnp.concatenate(
            [_spread(column, values.shape[:-1]) for column in columns], -1
        )
        expected = self.linear.kernel.shape[0]
        if joined.shape[-1] != expected:
            raise TypeError(
                f"The tokens have {joined.shape[-1]} columns, this network "
                f"expects {expected}. Without indices index_out_dim must be "
                "0; with them it must be even (L55)."
            )
        return self.linear(joined)


def _spread(column: Any, tokens: tuple[int, ...]) -> Any:
    """Broadcast a value to one column per token."""
    width = column.shape[-1] if column.ndim else 1
    return jnp.broadcast_to(column, (*tokens, width))


def _rows(table: Any, labels: Any) -> Any:
    return jnp.take(table, labels, axis=0, mode="fill")
