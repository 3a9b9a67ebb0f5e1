"""Brownian paths around a common drift, as a legacy script has them.

    mu ~ N(0, 1);  theta[i] ~ N(mu, 1)
    obs[i, j] = theta[i] t[i, j] + B_i(t[i, j]),  B_i a standard Brownian path

The times are the legacy ``index``: it needs rows for every key, so mu and
theta have dummy ones. Compare with ``hierarchical_brownian.py``.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from comparison import Posterior, arguments
from hierarchical_brownian import exact_posterior
from legacy_script import Distribution, finish, make_estimator

from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.util.dataloader import flatten_structured

N_THETA, N_OBS = 5, 3
INDEPENDENCE = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def prior_fn(n):
    """Return the distribution of all parameters with ``n`` local units."""

    def draw(seed, shape):
        mu_key, theta_key = jax.random.split(seed)
        mu = jax.random.normal(mu_key, (*shape, 1, 1))
        noise = jax.random.normal(theta_key, (*shape, n, 1))
        return {"mu": mu, "theta": mu + noise}

    return Distribution(draw)


def local_fn(parents, n_local):
    """Return the distribution of the locals given the globals."""
    mu = parents["mu"]

    def draw(seed, shape):
        noise = jax.random.normal(seed, (*shape, len(mu), n_local, 1))
        return {"theta": mu + noise}

    return Distribution(draw)


def f_in(n):
    """Return the distribution of the index with ``n`` local units."""

    def draw(seed, shape):
        times = jax.random.uniform(
            seed, (*shape, n, N_OBS, 1), minval=0.1, maxval=2.0
        )
        return {
            "mu": jnp.zeros((*shape, 1, 1)),
            "theta": jnp.zeros((*shape, n, 1)),
            "obs": jnp.sort(times, axis=-2),
        }

    return Distribution(draw)


def simulator_fn(seed, theta, index):
    """Follow every path from one time to the next."""
    t = index["obs"]
    steps = jnp.diff(t, axis=-2, prepend=0.0)
    path = jnp.cumsum(
        jnp.sqrt(steps) * jax.random.normal(seed, t.shape), axis=-2
    )
    return {"obs": theta["theta"][..., None, :] * t + path}


def main():
    """Train bottom-up, infer, and draw."""
    options = arguments(
        __doc__, n_simulations=2_000, n_rounds=2, n_epochs=30, n_samples=1_000
    )
    key, truth_key, time_key, data_key = jax.random.split(
        jax.random.PRNGKey(options.seed), 4
    )
    truth = prior_fn(N_THETA).sample((1,), seed=truth_key)
    index = f_in(N_THETA).sample((1,), seed=time_key)
    y_observed = simulator_fn(data_key, truth, index)

    estim = make_estimator(options.seed, n_labels=3, index_dim=1)
    labels, slices, masks = train_bottom_up(
        key,
        estim,
        prior_fn,
        local_fn,
        simulator_fn,
        ["mu"],
        ["theta"],
        N_THETA,
        options.n_rounds,
        options.n_simulations,
        options.n_epochs,
        y_observed,
        INDEPENDENCE,
        optimiser=optax.adam(1e-3),
        f_in=f_in,
        f_in_args=(1,),
        f_in_args_global=(N_THETA,),
        f_in_target=index,
    )
    flat, _ = flatten_structured(
        {"theta": truth, "y": y_observed},
        independence=INDEPENDENCE,
        index=index,
    )
    posterior = estim.sample_posterior(
        flat["data"]["y"],
        labels,
        slices,
        masks=masks,
        index=flat["index"],
        n_samples=options.n_samples,
    )
    exact = exact_posterior(
        np.asarray(y_observed["obs"])[..., 0], np.asarray(index["obs"])[..., 0]
    )
    finish(
        "hierarchical_brownian",
        posterior,
        truth,
        options.out,
        Posterior(exact.mean[0], exact.sd[0]),
    )


if __name__ == "__main__":
    main()
