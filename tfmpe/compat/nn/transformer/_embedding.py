"""Vectors for tokens: value, label, functional inputs, time and side."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from tfmpe.compat.nn.transformer._config import Sizes
from tfmpe.compat.nn.transformer._weights import Keys, Linear

_normal_rows = nnx.initializers.variance_scaling(
    1.0, "fan_in", "normal", out_axis=0
)


class LabelTable(nnx.Module):
    """A row of numbers for each label."""

    def __init__(self, keys: Keys, n_labels: int, label_dim: int) -> None:
        table = keys.draw(_normal_rows, (n_labels, label_dim))
        self.embedding = nnx.Param(table)

    def __call__(self, labels: Any) -> Any:
        """Return rows; NaN for a label that the table does not have."""
        return jnp.take(self.embedding[...], labels, axis=0, mode="fill")


class Frequencies(nnx.Module):
    """Waves of the functional inputs; the frequencies are trained."""

    def __init__(self, keys: Keys, n_out: int, index_dim: int) -> None:
        shape = (n_out // 2, index_dim) if n_out else (0, 0)
        self.b = nnx.Param(keys.draw(jax.random.normal, shape))

    def __call__(self, index: Any) -> Any:
        """Return cosines, then sines."""
        # In this order, and the compiler is not to change it: 2 pi times b
        # first rounds otherwise, which is 2e-5 in the output.
        waves = jax.lax.optimization_barrier(index @ self.b[...].T)
        angle = 2 * math.pi * waves
        return jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], -1)


class Embedding(nnx.Module):
    """Turn the tokens of one side into vectors; both sides share it."""

    def __init__(
        self,
        keys: Keys,
        sizes: Sizes,
        value_dim: int,
        n_labels: int,
        index_dim: int,
    ) -> None:
        n_rows = value_dim + sizes.label_dim + sizes.index_out_dim + 2
        self.embedding = LabelTable(keys, n_labels, sizes.label_dim)
        self.gf_embedding = Frequencies(keys, sizes.index_out_dim, index_dim)
        self.linear = Linear(keys, n_rows, sizes.latent_dim)
        self.value_dim = value_dim

    def __call__(
        self,
        side: str,
        value: Any,
        label: Any,
        index: Any,
        time: Any,
        is_context: bool,
    ) -> Any:
        """Return vectors, shape ``(n, n_tokens, latent_dim)``.

        Parameters
        ----------
        side : str
            For messages.
        value : Array, shape (n, n_tokens, value_dim)
        label : Array of int, shape (n or 1, n_tokens)
        index : Array, shape (n or 1, n_tokens, index_dim), or None
        time : Array, shape (n or 1, 1, 1)
        is_context : bool
        """
        if value.ndim != 3 or value.shape[-1] != self.value_dim:
            raise ValueError(
                f"{side} has shape {value.shape}; this network expects (n, "
                f"n_tokens, {self.value_dim})."
            )
        columns = [value, self.embedding(label)]
        n_frequencies, index_dim = self.gf_embedding.b.shape
        if n_frequencies:
            if index is None or index.shape[-1] != index_dim:
                given = "None" if index is None else f"of shape {index.shape}"
                raise ValueError(
                    f"{side}_index is {given}; this network expects (n, "
                    f"n_tokens, {index_dim}), because its index_out_dim is "
                    f"{2 * n_frequencies}. Without functional inputs, build "
                    "it with index_out_dim 0."
                )
            columns.append(self.gf_embedding(index))
        columns += [time, jnp.full((1, 1, 1), float(is_context), value.dtype)]
        tokens = value.shape[:2]
        columns = [
            jnp.broadcast_to(column, (*tokens, column.shape[-1]))
            for column in columns
        ]
        return self.linear(jnp.concatenate(columns, -1))
