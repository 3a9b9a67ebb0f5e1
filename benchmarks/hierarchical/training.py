"""Posterior of a task from a budget of simulations of single sites."""

import jax
import numpy as np
from flax import nnx

import tfmpe
from tfmpe.estimators import FlowMatchingEstimator, train_bottom_up
from tfmpe.nn import Transformer, TransformerConfig

N_DRAWS = 4_000
CONFIG = TransformerConfig(32, n_encoder_layers=1, n_decoder_layers=2)
N_STEPS, ROWS = 1_000, 64


def direct(task, size, budget, key):
    """Simulate all sites together, ``budget // size`` times."""
    model = task.model(size)
    data_key, fit_key = jax.random.split(key)
    simulations = model.simulate(data_key, max(2, budget // size))
    estimator = _estimator(task, simulations)
    estimator.fit(
        simulations,
        task.target_keys,
        key=fit_key,
        **_options(len(simulations)),
    )
    return estimator


def bottom_up(task, size, budget, key, n_synthetic=5_000):
    """Simulate single sites; learn their likelihood, then the posterior.

    The posterior is trained on models of all sites whose observations are
    drawn from the learned likelihood, so that they need no simulation.
    """
    model = task.model(size)
    estimator = _estimator(task, model.simulate(jax.random.key(0), 2))
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
        likelihood_options=_options(budget),
        **_options(budget + n_synthetic),
    )
    return found.estimator


METHODS = {"direct": direct, "bottom-up": bottom_up}


def from_numpyro(case, budget, key):
    """Simulate a NumPyro model, whose rules are read from it."""
    model = tfmpe.from_numpyro(case.model, *case.arguments, observed=["obs"])
    estimator = FlowMatchingEstimator()
    options = _options(budget)
    estimator.fit(model, n_simulations=budget, key=key, **options)
    return estimator


def draw(estimator, task, x, key):
    """Return draws of all parameters of a task given x, by name."""
    observed = task.model(len(x)).condition({"x": np.asarray(x, np.float32)})
    drawn = estimator.sample(
        observed, task.target_keys, ["x"], key=key, n_samples=N_DRAWS
    )
    return _arrays(drawn)


def draw_observed(estimator, observed, key):
    """Return draws of all parameters of a NumPyro model, by name."""
    observed = np.asarray(observed, np.float32)
    return _arrays(
        estimator.sample({"obs": observed}, key=key, n_samples=N_DRAWS)
    )


def _arrays(drawn):
    return {name: np.asarray(v) for name, v in drawn.decode().items()}


def _options(n):
    """Return options of ``fit`` for a number of rows.

    As many steps whatever the number, unless the validation loss rises.
    """
    steps = max(1, round(0.9 * n / ROWS))
    n_epochs = max(10, N_STEPS // steps)
    return {
        "learning_rate": 2e-3,
        "batch_size": ROWS,
        "n_noise": 2,
        "n_epochs": n_epochs,
        "validation": 0.1,
        "patience": max(5, n_epochs // 4),
    }


def _estimator(task, tokens):
    names = tokens.layout.names
    network = Transformer.for_tokens(
        tokens, CONFIG, rngs=nnx.Rngs(0), exchangeable=names
    )
    return FlowMatchingEstimator(network, bijectors=task.bijectors)
