"""Plate models with closed-form posteriors, and a quickly trained field."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe import Tokens
from tfmpe.estimators import FlowMatchingEstimator

TWO_LEVELS = {"mu": (), "theta": ("site",), "obs": ("site",)}
TWO_LEVEL_RULES = {
    "local": ["theta", "obs"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
THREE_LEVELS = {
    "mu": (),
    "region": ("region",),
    "site": ("region", "site"),
    "obs": ("region", "site"),
}
# Both observations of a site are in one token, so a rule can match positions.
THREE_LEVEL_RULES = {
    "local": ["site", "obs"],
    "cross_local": [
        ("region", "site", (0, 0)),
        ("region", "obs", (0, 0)),
        ("site", "obs", None),
    ],
}
N_OBS = 2


def normal(key, shape):
    """Draw standard normal values without compiling anything."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    return rng.normal(size=shape).astype(np.float32)


def two_level_prior(key, n, sizes):
    """Draw ``mu ~ N(0, 1)`` and ``theta_i ~ N(mu, 1)``."""
    noise = normal(key, (n, 1 + sizes["site"], 1))
    mu = noise[:, :1]
    return {"mu": mu, "theta": mu + noise[:, 1:]}


def two_level_simulator(key, parameters):
    """Draw ``obs_ij ~ N(theta_i, 1)``."""
    theta = parameters["theta"][:, :, None]
    return {"obs": theta + normal(key, (*theta.shape[:2], N_OBS, 1))}


def three_level_prior(key, n, sizes):
    """Draw a global mean, the means of regions, and the means of sites."""
    n_regions, n_sites = sizes["region"], sizes["site"]
    noise = normal(key, (n, n_regions, 1 + n_sites, 1))
    mu = normal(jax.random.fold_in(key, 0), (n, 1, 1))
    region = mu + noise[:, :, 0]
    return {
        "mu": mu,
        "region": region,
        "site": region[:, :, None] + noise[:, :, 1:],
    }


def three_level_simulator(key, parameters):
    """Draw the observations of every site, in one token."""
    site = parameters["site"]
    return {"obs": site + normal(key, (*site.shape[:3], N_OBS))}


def gaussian_tree(sizes: list[int]) -> list[np.ndarray]:
    """Return every level of a Gaussian tree as a linear map of unit noises.

    Level ``k`` has ``prod(sizes[:k])`` values: each is its parent plus noise of
    variance 1.
    """
    n = np.cumprod([1, *sizes])
    levels = []
    for k in range(len(n)):
        blocks = [
            np.kron(np.eye(n[j]), np.ones((n[k] // n[j], 1)))
            if j <= k
            else np.zeros((n[k], n[j]))
            for j in range(len(n))
        ]
        levels.append(np.concatenate(blocks, 1))
    return levels


def exact_posterior(
    levels: list[np.ndarray], observed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior means and deviations of all levels but the last.

    The last level is ``observed``, with one row per data set.
    """
    latent, seen = np.concatenate(levels[:-1]), levels[-1]
    gain = latent @ seen.T @ np.linalg.inv(seen @ seen.T)
    covariance = latent @ latent.T - gain @ seen @ latent.T
    return observed @ gain.T, np.sqrt(np.diag(covariance))


def _velocity(weights: Any, target: Any, conditioning: Any, time: Any) -> Any:
    real = conditioning.value_mask
    total = jnp.where(real, conditioning.data, 0).sum((-2, -1))
    n = jnp.asarray(real.sum((-2, -1), dtype=total.dtype))
    mean = total / jnp.maximum(n, 1)
    features = jnp.stack([mean, time, jnp.ones_like(mean)], -1)
    moved = (features @ weights[:3])[..., None, None]
    return weights[3] * target.data + moved


def small_estimator(start: float = 0.0) -> FlowMatchingEstimator:
    """Return an estimator with four parameters, which compiles quickly."""
    weights = jnp.full(4, start)
    return FlowMatchingEstimator(jax.tree_util.Partial(_velocity, weights))


class FormulaLikelihood:
    """A replacement for a trained estimator that draws by a formula.

    The formula maps the arrays of the conditioning to means of the targets.
    """

    def __init__(self, formula: Any, sd: float) -> None:
        self.formula, self.sd = formula, sd
        self.calls: list[Any] = []

    def sample(self, tokens, target_keys, conditioning_keys, *, key, **options):
        """Draw like an estimator, and record the rows that were passed."""
        self.calls.append((tokens, options))
        given = tokens.select_tokens(conditioning_keys).decode()
        filled = tokens.with_values(**self.formula(jax.device_get(given)))
        view = filled.select_tokens(target_keys)
        values = np.asarray(view.data)
        noise = self.sd * normal(key, values.shape)
        drawn = np.where(view.value_mask, values + noise, values)
        return Tokens(drawn[None], view.layout)
