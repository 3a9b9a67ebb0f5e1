"""Small hierarchical simulation in several programming styles."""

import jax
import jax.numpy as jnp
import numpy as np

RULES = {
    "local": ["theta", "obs"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
N_SITES, N_OBS = 3, 2


def prior(key, n):
    """Draw a global mean and the means of the sites."""
    mu_key, theta_key = jax.random.split(key)
    mu = jax.random.normal(mu_key, (n, 1, 1))
    theta = mu + jax.random.normal(theta_key, (n, N_SITES, 1))
    return {"mu": mu, "theta": theta}


def times(key, parameters):
    """Draw observation times for every simulation."""
    n = parameters["mu"].shape[0]
    return {"obs": jax.random.uniform(key, (n, N_SITES, N_OBS, 1))}


def simulator(key, parameters, inputs=None):
    """Observe every site with noise, and with drift if there are times."""
    theta = parameters["theta"][:, :, None]
    shape = (theta.shape[0], N_SITES, N_OBS, 1)
    obs = theta + 0.1 * jax.random.normal(key, shape)
    return {"obs": obs if inputs is None else obs + inputs["obs"]}


def plain_simulator(key, parameters):
    """Do the same with NumPy, which cannot be traced."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    theta = np.asarray(parameters["theta"])[:, :, None]
    noise = rng.normal(size=(len(theta), N_SITES, N_OBS, 1))
    return {"obs": jnp.asarray(theta + 0.1 * noise, jnp.float32)}
