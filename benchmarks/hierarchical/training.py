"""Posterior of a task from a budget of simulations of single sites."""

import jax
import numpy as np
from flax import nnx

from tfmpe import generate_static_dataset
from tfmpe.estimators import FlowMatchingEstimator, train_bottom_up
from tfmpe.nn import Transformer, TransformerConfig

N_DRAWS = 4_000
CONFIG = TransformerConfig(32, n_encoder_layers=1, n_decoder_layers=3)
FIT = {
    "learning_rate": 2e-3,
    "validation": 0.1,
    "n_noise": 4,
}


def bottom_up(task, size, budget, key, n_synthetic=10_000, n_epochs=20):
    """Simulate single sites; learn their likelihood, then the posterior.

    The posterior is trained on models of all sites whose observations are
    drawn from the learnt likelihood, so that they need no simulation.
    """
    estimator = _estimator(task, size)
    found = train_bottom_up(
        estimator,
        lambda key, n, sizes: task.prior(key, n, sizes["site"]),
        task.simulator,
        key=key,
        plates=task.plates,
        sizes={"site": size},
        independence=task.independence,
        n_simulations=budget,
        n_synthetic=n_synthetic,
        n_epochs=n_epochs,
        # As many steps for the likelihood, whatever the budget.
        likelihood_options={
            "n_epochs": max(20, n_epochs * n_synthetic // (budget * 2)),
            "patience": 30,
        },
        sample_options={"n_steps": 8, "batch_size": 50_000},
        **FIT,
    )
    return found.estimator


def direct(task, size, budget, key, n_epochs=100):
    """Simulate all sites together, ``budget // size`` times."""
    data_key, fit_key = jax.random.split(key)
    simulations = _simulate(task, size, data_key, max(2, budget // size))
    estimator = _estimator(task, size)
    options = {"batch_size": 64, "n_epochs": n_epochs, "patience": 20}
    estimator.fit(
        simulations, task.target_keys, ["x"], key=fit_key, **FIT | options
    )
    return estimator


METHODS = {"bottom-up": bottom_up, "direct": direct}


def draw(estimator, task, x, key):
    """Return draws of all parameters given an observation, by name."""
    observed = _simulate(task, len(x), key, 1)
    observed = observed.with_values(x=np.asarray(x, np.float32)[None])
    drawn = estimator.sample(
        observed, task.target_keys, ["x"], key=key, n_samples=N_DRAWS
    )
    return {
        name: np.asarray(values)[:, 0]
        for name, values in drawn.decode().items()
    }


def _simulate(task, size, key, n):
    return generate_static_dataset(
        key,
        lambda key, n: task.prior(key, n, size),
        task.simulator,
        None,
        task.independence,
        n,
    )


def _estimator(task, size):
    tokens = _simulate(task, size, jax.random.key(0), 2)
    network = Transformer.for_tokens(
        tokens, CONFIG, rngs=nnx.Rngs(0), exchangeable=[*tokens.layout.names]
    )
    return FlowMatchingEstimator(network, bijectors=task.bijectors)
