"""Hierarchical normal model, and an estimator with the exact posterior."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe import Tokens
from tfmpe.estimators import CalibrationRanks

N_SITES, N_OBS = 3, 4
NOISE = 2.0
RULES = {
    "local": ["theta", "obs"],
    "cross_local": [("theta", "obs", (0, 0))],
}


def simulator(key, parameters):
    """Observe every site with noise; this function cannot be traced."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    theta = np.asarray(parameters["theta"])[:, :, None]
    noise = rng.normal(size=(*theta.shape[:2], N_OBS, 1))
    return {"obs": jnp.asarray(theta + NOISE * noise, jnp.float32)}


def simulate(n, seed=0):
    """Return simulations as Tokens."""
    rng = np.random.default_rng(seed)
    mu = rng.normal(size=(n, 1, 1))
    theta = mu + rng.normal(size=(n, N_SITES, 1))
    parameters = {"mu": jnp.asarray(mu), "theta": jnp.asarray(theta)}
    observations = simulator(jax.random.key(seed), parameters)
    return Tokens.from_pytree({**parameters, **observations}, RULES)


def simulate_padded(n, seed=0):
    """Return simulations of one to three sites each."""
    data = simulate(n, seed).decode()
    sites = np.random.default_rng(seed).integers(1, N_SITES + 1, n)
    sizes = {
        "theta": sites[:, None],
        "obs": np.stack([sites, np.full(n, N_OBS)], 1),
    }
    return Tokens.from_pytree(data, RULES, event_shapes=sizes)


def made_ranks(ranks, n_samples=99, real=None, together=None):
    """Return a result for one key, from the ranks of its values.

    ``together`` has the ranks of means and distances, which are uniform by
    default.
    """
    if together is None:
        rng = np.random.default_rng(9)
        together = rng.integers(0, n_samples + 1, (2, len(ranks)))
    groups = [dict.fromkeys(("a", "(joint)"), each) for each in together]
    real = np.ones(ranks.shape, bool) if real is None else real
    return CalibrationRanks({"a": ranks}, {"a": real}, *groups, n_samples)


class ExactGaussian:
    """An estimator that draws from p(mu, theta | obs), or wrongly on request.

    ``scale`` multiplies deviations from the mean, ``shift`` is in posterior
    standard deviations, and ``apart`` draws every value independently.
    """

    def __init__(self, scale=1.0, shift=0.0, apart=False):
        self.scale, self.shift, self.apart = scale, shift, apart
        self.calls = []

    def sample(
        self,
        tokens,
        target_keys,
        conditioning_keys=None,
        *,
        key,
        n_samples=1,
        batch_size=None,
    ):
        """Draw in the form of a FlowMatchingEstimator."""
        self.calls.append((n_samples, batch_size))
        assert list(conditioning_keys) == ["obs"]
        obs = tokens.select_tokens(["obs"])
        view = tokens.select_tokens(target_keys)
        padding = view.padding
        draws = _draw(
            obs.data,
            obs.padding_mask,
            padding,
            key,
            n_samples,
            tuple(target_keys),
            self.scale,
            self.shift,
            self.apart,
        )
        if padding is not None:
            padding = jnp.broadcast_to(
                padding, (*draws.shape[:-2], view.n_tokens)
            )
        return Tokens(draws, view.layout, None, padding)


@partial(jax.jit, static_argnums=(4, 5))
def _draw(obs, real, padding, key, n_samples, names, scale, shift, apart):
    """Draw values of the keys, ``(n_samples, *sample, tokens, 1)``."""
    shape = (*obs.shape[:-2], N_SITES, N_OBS)
    obs, real = obs.reshape(shape), real.reshape(shape)
    sums = jnp.where(real, obs, 0).sum(-1) / NOISE**2
    # Precisions of theta given mu, and of mu with theta integrated out.
    of_theta = 1 + real.sum(-1, dtype=obs.dtype) / NOISE**2
    of_mu = 1 + (1 - 1 / of_theta).sum(-1, keepdims=True)
    mu = (sums / of_theta).sum(-1, keepdims=True) / of_mu
    mean = jnp.concatenate([mu, (mu + sums) / of_theta], -1)
    spread = jnp.concatenate([jnp.zeros_like(mu), of_theta**-0.5], -1)
    weight = jnp.concatenate([jnp.ones_like(mu), 1 / of_theta], -1)
    own, shared = jax.random.normal(key, (2, n_samples, *mean.shape))
    shared = jnp.where(apart, shared, shared[..., :1])
    weight = weight / jnp.sqrt(of_mu)
    away = spread[None] * own + weight[None] * shared
    sd = jnp.sqrt(spread**2 + weight**2)
    draws = (mean + shift * sd)[None] + scale * away
    blocks = {"mu": slice(1), "theta": slice(1, None)}
    draws = jnp.concatenate([draws[..., blocks[n]] for n in names], -1)
    if padding is not None:
        draws = jnp.where(padding, draws, -1e8)
    return draws[..., None]
