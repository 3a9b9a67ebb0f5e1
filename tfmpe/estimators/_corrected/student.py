"""Multivariate Student t distributions fitted to draws."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, ndtri
from jaxtyping import Array, Float, Int

from tfmpe.estimators._types import AnyArray, PRNGKey

_FREEDOM = 7.0
"""Degrees of freedom: tails heavier than those of most posteriors."""


class Student(NamedTuple):
    """Student t distributions of some groups of values.

    Attributes
    ----------
    mean
        One row per group.
    root
        Lower Cholesky factors of the scale matrices.
    n_values
        Number of values in every group; further columns are not used.
    """

    mean: Float[Array, "groups d"]
    root: Float[Array, "groups d d"]
    n_values: Int[Array, " groups"]

    @classmethod
    def fit(
        cls,
        draws: Float[AnyArray, "n groups d"],
        weights: Float[AnyArray, " n"],
        n_values: Int[np.ndarray, " groups"],
    ) -> "Student":
        """Return distributions with the moments of weighted draws."""
        mean = jnp.einsum("n,ngd->gd", weights, draws)
        centered = draws - mean[None]
        scale = jnp.einsum("n,ngd,nge->gde", weights, centered, centered)
        d = draws.shape[-1]
        used = np.arange(d)[None] < n_values[:, None]
        both = used[:, :, None] & used[:, None, :]
        # A floor for values that all draws share.
        scale = jnp.where(both, scale, 0) + np.where(
            used[:, None], 1e-8, 1.0
        ) * np.eye(d)[None].astype(np.float32)
        return cls(mean, jnp.linalg.cholesky(scale), jnp.asarray(n_values))

    def draw(self, key: PRNGKey, n: int) -> Float[Array, "n groups d"]:
        """Return draws, spread evenly over each value (Latin hypercube).

        Averages over them vary less than those of independent draws (McKay et
        al., 1979).
        """
        order_key, place_key, scale_key = jax.random.split(key, 3)
        shape = (n, *self.mean.shape)
        strata = jnp.broadcast_to(jnp.arange(n)[:, None, None], shape)
        strata = jax.random.permutation(
            order_key, strata, axis=0, independent=True
        )
        within = jax.random.uniform(place_key, shape)
        chances = (strata.astype(within.dtype) + within) / n
        normal = ndtri(jnp.clip(chances, 1e-6, 1 - 1e-6))
        gamma = jax.random.gamma(scale_key, _FREEDOM / 2, shape[:2])
        moved = jnp.einsum("gde,nge->ngd", self.root, normal)
        stretch = jnp.sqrt(_FREEDOM / 2 / gamma).astype(moved.dtype)
        return self.mean[None] + moved * stretch[..., None]

    def log_prob(
        self, values: Float[AnyArray, "n groups d"]
    ) -> Float[Array, "n groups"]:
        """Return log densities of the values that are used."""
        centered = (values - self.mean[None])[..., None]
        root = jnp.broadcast_to(
            self.root[None], (len(values), *self.root.shape)
        )
        white = jax.scipy.linalg.solve_triangular(root, centered, lower=True)
        used = jnp.arange(values.shape[-1])[None] < self.n_values[:, None]
        squares = jnp.where(used[None], white[..., 0] ** 2, 0).sum(-1)
        diagonal = jnp.diagonal(self.root, axis1=-2, axis2=-1)
        log_det = jnp.where(used, jnp.log(diagonal), 0).sum(-1)
        n = self.n_values.astype(values.dtype)
        constant = (
            gammaln((_FREEDOM + n) / 2)
            - math.lgamma(_FREEDOM / 2)
            - n / 2 * math.log(_FREEDOM * math.pi)
            - log_det
        )
        tails = (_FREEDOM + n)[None] / 2 * jnp.log1p(squares / _FREEDOM)
        return constant[None] - tails
