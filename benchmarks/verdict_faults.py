"""Hierarchical Gaussian with exact posterior, and estimators with faults."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe import Tokens
from tfmpe.models import Model

N_SITES, N_OBS = 5, 3
N_VALUES = 1 + N_SITES
RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
TARGETS = ("mu", "theta")
# The number of observations per site in the order of the flat data.
OF_SITE = np.repeat(np.eye(N_SITES), N_OBS, axis=0)


def prior(key, n):
    """Draw parameters."""
    noise = jax.random.normal(key, (n, N_VALUES, 1))
    mu = noise[:, :1]
    return {"mu": mu, "theta": mu + noise[:, 1:]}


def simulator(key, parameters, noise=1.0):
    """Observe every site with noise."""
    theta = parameters["theta"][:, :, None]
    shape = (*theta.shape[:2], N_OBS, 1)
    return {"obs": theta + noise * jax.random.normal(key, shape)}


def log_density(parameters, observations):
    """Return log factors of every token."""

    def normal(away):
        return -0.5 * (away**2 + jnp.log(2 * jnp.pi))[..., 0]

    mu, theta = parameters["mu"], parameters["theta"]
    return {
        "mu": normal(mu),
        "theta": normal(theta - mu),
        "obs": normal(observations["obs"] - theta[:, :, None]),
    }


MODEL = Model(prior, simulator, None, RULES, log_density_fn=log_density)


@partial(jax.jit, static_argnums=1)
def _drawn(key, n):
    parameters = prior(key, n)
    return parameters | simulator(jax.random.fold_in(key, 1), parameters)


def simulated(key, n):
    """Return simulations; compiled once for each number."""
    return Tokens.from_pytree(_drawn(key, n), RULES)


class LinearGaussian(NamedTuple):
    """An estimator that draws from N(offset + slopes @ data, root @ root.T)."""

    slopes: jax.Array
    offset: jax.Array
    root: jax.Array

    def _means(self, tokens):
        data = tokens.select_tokens(["obs"]).data[..., 0]
        return jnp.asarray(data) @ self.slopes.T + self.offset

    def sample(self, tokens, target, given, *, key, n_samples):
        """Draw mu and theta for every data set."""
        mean = self._means(tokens)
        noise = jax.random.normal(key, (n_samples, *mean.shape))
        view = tokens.select_tokens(target)
        return Tokens((mean + noise @ self.root.T)[..., None], view.layout)

    def log_prob(self, tokens, target, given, *, values):
        """Return the log density of draws."""
        away = values[..., 0] - self._means(tokens)
        solved = jnp.linalg.solve(
            self.root, jnp.moveaxis(away, -1, 0).reshape((N_VALUES, -1))
        )
        squares = (solved**2).sum(0).reshape(away.shape[:-1])
        scale = jnp.log(jnp.abs(jnp.diag(self.root))).sum()
        return -0.5 * (squares + N_VALUES * jnp.log(2 * jnp.pi)) - scale


def exact(noise=1.0, scale=1.0, shift=0.0):
    """Return the exact posterior for a noise, or with a fault.

    ``scale`` multiplies deviations; ``shift`` is in standard deviations.
    """
    precision = np.zeros((N_VALUES, N_VALUES))
    precision[0, 0] = 1 + N_SITES
    precision[0, 1:] = precision[1:, 0] = -1
    precision[1:, 1:] = np.eye(N_SITES) * (1 + N_OBS / noise**2)
    covariance = np.linalg.inv(precision)
    slopes = covariance[:, 1:] @ OF_SITE.T / noise**2
    offset = shift * np.sqrt(np.diag(covariance))
    return _estimator(slopes, offset, scale * np.linalg.cholesky(covariance))


def fitted(n, key):
    """Return the estimator with the largest likelihood on ``n`` simulations."""
    tokens = simulated(key, n)
    data = np.asarray(tokens.data, float)[..., 0]
    values, data = data[:, :N_VALUES], data[:, N_VALUES:]
    design = np.concatenate([np.ones((n, 1)), data], 1)
    found, *_ = np.linalg.lstsq(design, values, rcond=None)
    away = values - design @ found
    root = np.linalg.cholesky(away.T @ away / n)
    return _estimator(found[1:].T, found[0], root)


def ignorant():
    """Return the prior, whatever the data."""
    root = np.zeros((N_VALUES, N_VALUES))
    root[:, 0] = 1
    root[1:, 1:] = np.eye(N_SITES)
    return _estimator(
        np.zeros((N_VALUES, N_SITES * N_OBS)), np.zeros(N_VALUES), root
    )


def apart():
    """Return the exact marginals, without dependence."""
    found = exact()
    scale = np.sqrt(np.square(found.root).sum(1))
    return found._replace(root=jnp.diag(jnp.asarray(scale)))


def _estimator(*arrays):
    return LinearGaussian(*(jnp.asarray(a, jnp.float32) for a in arrays))
