"""Brownian paths around a common drift, observed at their own times.

    mu ~ N(0, 1);  theta[i] ~ N(mu, 1)
    obs[i, j] = theta[i] t[i, j] + B_i(t[i, j]),  B_i a standard Brownian path

The times are functional inputs: every simulation has its own. Given the times,
the posterior is Gaussian and known exactly::

    python hierarchical_brownian.py --out demo-output
"""

import jax
import jax.numpy as jnp
import numpy as np
from comparison import (
    Posterior,
    arguments,
    columns,
    estimate,
    figure,
    names_of,
    plot_intervals,
    plot_means,
    print_errors,
    print_table,
    save,
)
from flax import nnx

from tfmpe import generate_static_dataset
from tfmpe.estimators import FlowMatchingEstimator, calibration_ranks
from tfmpe.nn import Transformer, TransformerConfig

N_PATHS, N_OBS = 5, 3
PARAMETERS, OBSERVATIONS = ["mu", "theta"], ["obs"]
RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def prior(key, n):
    """Draw the common drift and the drifts of the paths."""
    mu_key, theta_key = jax.random.split(key)
    mu = jax.random.normal(mu_key, (n, 1, 1))
    return {
        "mu": mu,
        "theta": mu + jax.random.normal(theta_key, (n, N_PATHS, 1)),
    }


def times(key, parameters):
    """Draw the observation times of each path, in increasing order."""
    n = len(parameters["mu"])
    drawn = jax.random.uniform(
        key, (n, N_PATHS, N_OBS, 1), minval=0.1, maxval=2.0
    )
    return {"obs": jnp.sort(drawn, axis=2)}


def simulator(key, parameters, inputs):
    """Simulate every path from one time to the next."""
    t = inputs["obs"]
    steps = jnp.diff(t, axis=2, prepend=0.0)
    path = jnp.cumsum(jnp.sqrt(steps) * jax.random.normal(key, t.shape), axis=2)
    return {"obs": parameters["theta"][:, :, None] * t + path}


def exact_moments(obs, t):
    """Return mean ``(n, p)`` and covariance ``(n, p, p)`` of the parameters.

    Both arguments have the shape ``(n, paths, n_obs)``. The likelihood of a
    drift depends only on the last time and the last value of its path.
    """
    last_time, last_value = t[..., -1], obs[..., -1]
    n, n_paths = last_time.shape
    precision = np.zeros((n, 1 + n_paths, 1 + n_paths))
    precision[:, 0, 0] = 1 + n_paths
    precision[:, 0, 1:] = precision[:, 1:, 0] = -1
    i = np.arange(1, 1 + n_paths)
    precision[:, i, i] = 1 + last_time
    covariance = np.linalg.inv(precision)
    linear = np.concatenate([np.zeros((n, 1)), last_value], -1)
    return (covariance @ linear[..., None])[..., 0], covariance


def exact_posterior(obs, t):
    """Return the posterior of (mu, theta); both are ``(n, paths, n_obs)``."""
    mean, covariance = exact_moments(obs, t)
    return Posterior(mean, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)))


def simulate(key, n):
    """Return ``n`` simulations as Tokens."""
    return generate_static_dataset(key, prior, simulator, times, RULES, n)


def train(key, n_simulations, n_epochs, **options):
    """Simulate and train; return the estimator and the training history."""
    data_key, fit_key = jax.random.split(key)
    simulations = simulate(data_key, n_simulations)
    network = Transformer.for_tokens(
        simulations,
        TransformerConfig(latent_dim=32, n_encoder_layers=1),
        rngs=nnx.Rngs(0),
    )
    estimator = FlowMatchingEstimator(network)
    history = estimator.fit(
        simulations,
        PARAMETERS,
        OBSERVATIONS,
        key=fit_key,
        learning_rate=3e-3,
        n_epochs=n_epochs,
        batch_size=256,
        **options,
    )
    return estimator, history


def posteriors(estimator, key, n_observations, n_samples, **options):
    """Return new simulations, their posterior draws, and exact posteriors."""
    data_key, draw_key = jax.random.split(key)
    fresh = simulate(data_key, n_observations)
    draws = estimator.sample(
        fresh,
        PARAMETERS,
        OBSERVATIONS,
        key=draw_key,
        n_samples=n_samples,
        **options,
    )
    obs = fresh.select_tokens(OBSERVATIONS)
    shape = (n_observations, N_PATHS, N_OBS)
    exact = exact_posterior(
        np.asarray(obs.data, float).reshape(shape),
        np.asarray(obs.functional_inputs, float).reshape(shape),
    )
    return fresh.decode(), draws.decode(), exact


def main():
    """Train, compare, and plot."""
    options = arguments(
        __doc__,
        # It takes many simulations to learn how drifts depend on times.
        n_simulations=1_000_000,
        n_epochs=2,
        n_samples=8_000,
        n_ranked=300,
    )
    key, check_key, fresh_key, rank_key = jax.random.split(
        jax.random.key(options.seed), 4
    )
    shown = {"progress": options.progress}
    estimator, history = train(
        key, options.n_simulations, options.n_epochs, **shown
    )
    print(history)

    fresh, draws, exact = posteriors(
        estimator, check_key, 20, options.n_samples, **shown
    )
    parameters = {name: fresh[name] for name in PARAMETERS}
    names, truth = names_of(parameters), columns(parameters)
    found = estimate(columns(draws))
    first = Posterior(found.mean[0], found.sd[0])
    exact_first = Posterior(exact.mean[0], exact.sd[0])
    print_table(names, first, exact_first, truth[0])
    print_errors(found, exact)

    ranks = calibration_ranks(
        estimator,
        simulate(fresh_key, options.n_ranked),
        PARAMETERS,
        OBSERVATIONS,
        key=rank_key,
        n_samples=99,
        **shown,
    )
    print(ranks.summary())

    drawing, (intervals, means) = figure(2, "hierarchical Brownian paths")
    plot_intervals(intervals, names, first, exact_first, truth[0])
    plot_means(means, found, exact)
    save(drawing, options.out / "hierarchical_brownian.png")


if __name__ == "__main__":
    main()
