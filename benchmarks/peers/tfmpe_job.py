"""The job in tfmpe."""

import jax
import numpy as np
from flax import nnx
from timing import N_DRAWS, N_EPOCHS, load, save, timed

import tfmpe
from tfmpe import Tokens
from tfmpe.estimators import FlowMatchingEstimator
from tfmpe.nn import Transformer, TransformerConfig

RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
KEYS = ["mu", "theta"], ["obs"]


def as_tokens(parameters, obs):
    """Return Tokens of parameters and observations."""
    mu, theta = parameters[:, :1, None], parameters[:, 1:, None]
    data = {"mu": mu, "theta": theta, "obs": obs[..., None]}
    return Tokens.from_pytree(data, RULES)


def draw(estimator, **options):
    """Return draws for all data sets."""
    obs = load("observed")
    observed = as_tokens(np.zeros((len(obs), 6), np.float32), obs)
    options |= {"key": jax.random.key(1), "n_samples": N_DRAWS}
    draws = estimator.sample(observed, *KEYS, **options).decode()
    values = [np.asarray(draws[name])[..., 0] for name in KEYS[0]]
    return np.concatenate(values, -1).swapaxes(0, 1)


with timed("training"):
    simulations = as_tokens(load("parameters"), load("simulated"))
    config = TransformerConfig(
        latent_dim=32, n_encoder_layers=1, n_decoder_layers=2
    )
    network = Transformer.for_tokens(
        simulations, config, rngs=nnx.Rngs(0), exchangeable=["obs"]
    )
    estimator = FlowMatchingEstimator(network)
    options = {"learning_rate": 2e-3, "n_epochs": N_EPOCHS}
    estimator.fit(simulations, *KEYS, key=jax.random.key(0), **options)
with timed("drawing"):
    values = draw(estimator)
save("tfmpe", tfmpe.__version__, values)

with timed("straightening"):
    fast = estimator.straightened(simulations, *KEYS, key=jax.random.key(2))
with timed("drawing"):
    values = draw(fast, solver="euler", n_steps=2)
save("straightened", tfmpe.__version__, values)
