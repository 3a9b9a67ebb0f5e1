"""The job in tfmpe."""

import jax
import numpy as np
import numpyro
from numpyro.distributions import Normal
from timing import N_DRAWS, N_EPOCHS, load, save, timed

import tfmpe
from tfmpe import from_numpyro
from tfmpe.estimators import FlowMatchingEstimator


def delays(n_routes=5, n_trips=3):
    """Delays of trips on routes."""
    mu = numpyro.sample("mu", Normal(0, 1))
    with numpyro.plate("route", n_routes, dim=-2):
        theta = numpyro.sample("theta", Normal(mu, 1))
        with numpyro.plate("trip", n_trips, dim=-1):
            numpyro.sample("obs", Normal(theta, 1))


def draw(estimator, **options):
    """Return draws for all data sets."""
    options |= {"key": jax.random.key(1), "n_samples": N_DRAWS}
    draws = estimator.sample({"obs": load("observed")}, **options)
    values = np.append(draws["mu"][..., None], draws["theta"][..., 0], -1)
    return values.swapaxes(0, 1)


with timed("training"):
    model = from_numpyro(delays, observed=["obs"])
    values = load("parameters")
    simulations = model.condition(
        {
            "mu": values[:, 0],
            "theta": values[:, 1:, None],
            "obs": load("simulated"),
        }
    )
    estimator = FlowMatchingEstimator(exchangeable=model.exchangeable)
    options = {"learning_rate": 2e-3, "n_epochs": N_EPOCHS}
    keys = model.target_keys
    estimator.fit(simulations, keys, key=jax.random.key(0), **options)
with timed("drawing"):
    values = draw(estimator)
save("tfmpe", tfmpe.__version__, values)

with timed("straightening"):
    fast = estimator.straightened(simulations, key=jax.random.key(2))
with timed("drawing"):
    values = draw(fast, solver="euler", n_steps=2)
save("straightened", tfmpe.__version__, values)
