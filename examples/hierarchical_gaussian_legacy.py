"""The hierarchical Gaussian as a script for the legacy package has it.

    mu ~ N(0, 1);  theta[i] ~ N(mu, 1);  obs[i, j] ~ N(theta[i], 1)

Imports say ``tfmpe.compat`` where they said ``sfmpe``; nothing else is
different, defects included: two rounds of bottom-up training, whose simulated
observations all come from one noise vector (L19). Compare with
``hierarchical_gaussian.py``, or set TFMPE_COMPAT_FIX=L19,L26.
"""

import jax
import numpy as np
import optax
from comparison import Posterior, arguments
from hierarchical_gaussian import exact_posterior
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


def simulator_fn(seed, theta):
    """Observe every unit a few times."""
    means = theta["theta"][..., None, :]
    shape = (*means.shape[:-2], N_OBS, 1)
    return {"obs": means + jax.random.normal(seed, shape)}


def main():
    """Train bottom-up, infer, and draw."""
    options = arguments(
        __doc__, n_simulations=2_000, n_rounds=2, n_epochs=30, n_samples=1_000
    )
    key, truth_key, data_key = jax.random.split(
        jax.random.PRNGKey(options.seed), 3
    )
    truth = prior_fn(N_THETA).sample((1,), seed=truth_key)
    y_observed = simulator_fn(data_key, truth)

    estim = make_estimator(options.seed, n_labels=3)
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
    )
    flat, _ = flatten_structured(
        {"theta": truth, "y": y_observed}, independence=INDEPENDENCE
    )
    posterior = estim.sample_posterior(
        flat["data"]["y"],
        labels,
        slices,
        masks=masks,
        n_samples=options.n_samples,
    )
    exact = exact_posterior(np.asarray(y_observed["obs"])[..., 0])
    finish(
        "hierarchical_gaussian",
        posterior,
        truth,
        options.out,
        Posterior(exact.mean[0], exact.sd),
    )


if __name__ == "__main__":
    main()
