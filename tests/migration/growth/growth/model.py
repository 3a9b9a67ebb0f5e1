"""Prior, simulator, rules and vector field."""

import jax
import jax.numpy as jnp
from flax import nnx

GLOBAL_NAMES = ["rate"]
AGES = jnp.array([1.0, 2.0, 3.0])

INDEPENDENCE = {
    "local": ["height", "site"],
    "cross": [("rate", "height"), ("height", "rate")],
    "cross_local": [("site", "height", (0, 0))],
}


def prior_fn(key, n, n_sites):
    """Draw the rates of the region and of its sites."""
    rate_key, site_key = jax.random.split(key)
    rate = 1 + 0.5 * jax.random.normal(rate_key, (n, 1, 1))
    noise = 0.3 * jax.random.normal(site_key, (n, n_sites, 1))
    return {"rate": rate, "site": rate + noise}


def simulator_fn(key, theta):
    """Let trees grow, and measure them at three ages."""
    mean = theta["site"][:, :, None] * AGES[:, None]
    return {"height": mean + 0.2 * jax.random.normal(key, mean.shape)}


def index_fn(theta, y):
    """Return the age of every height, and zeros for the rates."""
    zeros = {name: jnp.zeros_like(values) for name, values in theta.items()}
    ages = jnp.broadcast_to(AGES[:, None], y["height"].shape)
    return {**zeros, "height": ages}


class SiteField(nnx.Module):
    """Velocities that depend on the growth visible to each token."""

    def __init__(self):
        self.weights = nnx.Param(jnp.array([-0.5, 0.5, 0.0, 0.0]))

    def __call__(
        self, *, theta, time, context, context_index, cross_mask, **others
    ):
        """Return the velocity of every rate."""
        pull, push, late, seen = self.weights
        open_pairs = cross_mask[:, 0]
        mean = open_pairs @ (context / jnp.maximum(context_index, 1))
        mean = mean / jnp.maximum(open_pairs.sum(-1, keepdims=True), 1)
        return pull * theta + push + late * time + seen * mean
