"""A hierarchical Gaussian, whose posterior is known in closed form.

    mu ~ N(0, 1);  theta[i] ~ N(mu, 1);  obs[i, j] ~ N(theta[i], 1)

Simulate, train on Tokens, and compare with the exact posterior::

    python hierarchical_gaussian.py --out demo-output
"""

import jax
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

N_SITES, N_OBS = 5, 3
PARAMETERS, OBSERVATIONS = ["mu", "theta"], ["obs"]
RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def prior(key, n):
    """Draw the global mean and the means of the sites."""
    mu_key, theta_key = jax.random.split(key)
    mu = jax.random.normal(mu_key, (n, 1, 1))
    return {
        "mu": mu,
        "theta": mu + jax.random.normal(theta_key, (n, N_SITES, 1)),
    }


def simulator(key, parameters):
    """Draw a few observations of every site."""
    theta = parameters["theta"][:, :, None]
    return {"obs": theta + jax.random.normal(key, (*theta.shape[:2], N_OBS, 1))}


def exact_moments(obs):
    """Return mean ``(n, p)`` and covariance ``(p, p)`` of :data:`PARAMETERS`.

    ``obs`` has the shape ``(n, sites, n_obs)``.
    """
    n, n_sites, n_obs = obs.shape
    precision = np.diag([1.0 + n_sites] + [1.0 + n_obs] * n_sites)
    precision[0, 1:] = precision[1:, 0] = -1
    covariance = np.linalg.inv(precision)
    linear = np.concatenate([np.zeros((n, 1)), obs.sum(-1)], -1)
    return linear @ covariance, covariance


def exact_posterior(obs):
    """Return the posterior of (mu, theta) given obs, ``(n, sites, n_obs)``."""
    mean, covariance = exact_moments(obs)
    return Posterior(mean, np.sqrt(np.diag(covariance)))


def train(key, n_simulations, n_epochs, **options):
    """Simulate and train; return the estimator and the training history."""
    data_key, fit_key = jax.random.split(key)
    simulations = generate_static_dataset(
        data_key, prior, simulator, None, RULES, n_simulations
    )
    network = Transformer.for_tokens(
        simulations,
        TransformerConfig(
            latent_dim=32, n_encoder_layers=1, n_decoder_layers=2
        ),
        rngs=nnx.Rngs(0),
    )
    estimator = FlowMatchingEstimator(network)
    history = estimator.fit(
        simulations,
        PARAMETERS,
        OBSERVATIONS,
        key=fit_key,
        learning_rate=2e-3,
        n_epochs=n_epochs,
        **options,
    )
    return estimator, history


def posteriors(estimator, key, n_observations, n_samples, **options):
    """Return new simulations, their posterior draws, and exact posteriors."""
    data_key, draw_key = jax.random.split(key)
    fresh = generate_static_dataset(
        data_key, prior, simulator, None, RULES, n_observations
    )
    draws = estimator.sample(
        fresh,
        PARAMETERS,
        OBSERVATIONS,
        key=draw_key,
        n_samples=n_samples,
        **options,
    )
    values = fresh.decode()
    exact = exact_posterior(np.asarray(values["obs"])[..., 0])
    return values, draws.decode(), exact


def main():
    """Train, compare, and plot."""
    options = arguments(
        __doc__,
        n_simulations=150_000,
        n_epochs=1,
        n_samples=2_000,
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
    exact_first = Posterior(exact.mean[0], exact.sd)
    print_table(names, first, exact_first, truth[0])
    print_errors(found, exact)

    ranks = calibration_ranks(
        estimator,
        generate_static_dataset(
            fresh_key, prior, simulator, None, RULES, options.n_ranked
        ),
        PARAMETERS,
        OBSERVATIONS,
        key=rank_key,
        n_samples=99,
        **shown,
    )
    print(ranks.summary())

    drawing, (intervals, means) = figure(2, "hierarchical Gaussian")
    plot_intervals(intervals, names, first, exact_first, truth[0])
    plot_means(means, found, exact)
    save(drawing, options.out / "hierarchical_gaussian.png")


if __name__ == "__main__":
    main()
