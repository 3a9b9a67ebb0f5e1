"""Mixtures of multivariate Student t distributions, fitted to draws."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, logsumexp, ndtri
from jaxtyping import Array, Float, Int

from tfmpe.estimators._types import AnyArray, PRNGKey

_FREEDOM = 7.0
"""Degrees of freedom: tails heavier than those of most posteriors."""

_KERNELS, _PAIRS = 500, 10**8
"""Largest number of kernels per group, and of pairs of proposal and kernel."""

_PROPOSALS = 200
"""The number of kernels is the square of the number of proposals over this one:
few proposals, spread evenly over one kernel, give better averages."""

_WIDE, _WIDTH = 10, 1.5
"""One of this many kernels is wider than all draws together, by this factor,
which bounds the weights of proposals far from the others (Hesterberg, 1995)."""


class StudentMixture(NamedTuple):
    """Mixtures of Student t distributions, one for each group of values.

    The kernels of a mixture have equal weights. Their widths are relative to
    ``root``, the lower Cholesky factors of scale matrices. Columns after the
    number of values of a group are not used.
    """

    centers: Float[AnyArray, "kernels groups d"]
    widths: Float[AnyArray, "kernels groups"]
    root: Float[AnyArray, "groups d d"]
    n_values: Int[AnyArray, " groups"]

    @classmethod
    def fit(
        cls,
        draws: Float[AnyArray, "n groups d"],
        n_values: Int[np.ndarray, " groups"],
        n_proposals: int,
    ) -> "StudentMixture":
        """Return mixtures with the places and moments of draws.

        Kernels are at some of the draws, moved towards the mean so that they
        have the covariance of the draws together (West, 1993); a tenth of them
        is wide, around the mean. For few proposals there is a single kernel.
        """
        draws = np.asarray(draws)
        n_draws, n_groups, d = draws.shape
        mean = draws.mean(0)
        centered = draws - mean
        scale = np.einsum("ngd,nge->gde", centered, centered) / n_draws
        used = np.arange(d) < n_values[:, None]
        both = used[:, :, None] & used[:, None, :]
        # A floor for values that all draws share.
        floor = np.where(used, 1e-8, 1.0)[:, None] * np.eye(d)
        scale = np.where(both, scale, 0) + floor
        most = min(_PAIRS // (n_groups * n_proposals), _KERNELS)
        n = max(1, min(most, (n_proposals // _PROPOSALS) ** 2))
        wide = np.arange(n)[:, None] % _WIDE == 0
        narrow = n ** (-1 / (n_values + 4.0))
        apart = np.where(wide, 0, np.sqrt(1 - narrow**2))[:, :, None]
        widths = np.where(wide & (n > 1), _WIDTH, narrow)
        centers = mean + apart * centered[np.arange(n) * n_draws // n]
        root = np.linalg.cholesky(scale)
        return cls(
            centers.astype(np.float32),
            widths.astype(np.float32),
            root.astype(np.float32),
            n_values,
        )

    def draw(self, key: PRNGKey, n: int) -> Float[Array, "n groups d"]:
        """Return draws, spread evenly over kernels and over each value.

        Averages over them vary less than those of independent draws (Latin
        hypercube: McKay et al., 1979).
        """
        order_key, place_key, scale_key, kernel_key = jax.random.split(key, 4)
        n_kernels, n_groups, d = self.centers.shape

        def spread(key: PRNGKey, *shape: int) -> Int[Array, "..."]:
            rows = np.arange(n).reshape((n, *(1 for _ in shape)))
            rows = jnp.broadcast_to(rows, (n, *shape))
            return jax.random.permutation(key, rows, axis=0, independent=True)

        strata = spread(order_key, n_groups, d)
        within = jax.random.uniform(place_key, strata.shape)
        chances = (strata.astype(within.dtype) + within) / n
        normal = ndtri(jnp.clip(chances, 1e-6, 1 - 1e-6))
        gamma = jax.random.gamma(scale_key, _FREEDOM / 2, strata.shape[:2])
        moved = jnp.einsum("gde,nge->ngd", self.root, normal)
        stretch = jnp.sqrt(_FREEDOM / 2 / gamma).astype(moved.dtype)
        kernels = spread(kernel_key, n_groups) * n_kernels // n
        centers, widths = (
            jnp.asarray(each)[kernels, np.arange(n_groups)]
            for each in (self.centers, self.widths)
        )
        return centers + moved * (stretch * widths)[..., None]

    def log_prob(
        self, values: Float[AnyArray, "n groups d"]
    ) -> Float[Array, "n groups"]:
        """Return log densities of the values that are used."""
        used = jnp.arange(values.shape[-1])[None] < self.n_values[:, None]
        diagonal = jnp.diagonal(self.root, axis1=-2, axis2=-1)
        log_det = jnp.where(used, jnp.log(diagonal), 0).sum(-1)
        n = jnp.asarray(self.n_values, values.dtype)
        constant = (
            gammaln((_FREEDOM + n) / 2)
            - math.lgamma(_FREEDOM / 2)
            - n / 2 * math.log(_FREEDOM * math.pi)
            - log_det
            - math.log(len(self.centers))
        )

        def of_group(given: tuple[Array, ...]) -> Float[Array, " n"]:
            values, centers, widths, root, used, n = given

            def white(rows: Float[Array, "rows d"]) -> Array:
                solved = jax.scipy.linalg.solve_triangular(
                    root, rows.T, lower=True
                )
                return jnp.where(used[:, None], solved, 0)

            apart = white(values)[:, :, None] - white(centers)[:, None]
            squares = (apart**2).sum(0) / (widths**2)[None]
            tails = (_FREEDOM + n) / 2 * jnp.log1p(squares / _FREEDOM)
            return logsumexp(-n * jnp.log(widths)[None] - tails, axis=-1)

        found = jax.lax.map(
            of_group,
            (
                jnp.moveaxis(values, 1, 0),
                jnp.moveaxis(jnp.asarray(self.centers), 1, 0),
                jnp.asarray(self.widths).T,
                self.root,
                used,
                n,
            ),
        )
        return constant[None] + found.T


def effective_number(weights: Float[np.ndarray, " n"]) -> float:
    """Return the number of equal weights that vary as little (Kish, 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


def systematic(
    weights: Float[np.ndarray, " n"], size: int, start: float = 0.5
) -> Int[np.ndarray, " size"]:
    """Return rows, each about as often as its weight says (systematic)."""
    edges = np.cumsum(weights)
    places = (np.arange(size) + start) / size
    rows = np.searchsorted(edges / edges[-1], places)
    return np.minimum(rows, len(weights) - 1)
