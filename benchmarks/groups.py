"""Posteriors of 5 to 5,000 groups from one training on 1 to 50 groups.

Every simulation has a random number of groups. Draws of the global parameters
are compared with the exact posterior. From the root of the repository, with the
extra ``flow``::

    python benchmarks/groups.py              # about twenty minutes
    python benchmarks/groups.py --only "mu, 2,000"

Writes ``docs/benchmarks/groups.json`` and, from it, ``docs/benchmarks/groups.md``.
With ``--only``, the other rows of the file stay.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from tfmpe import Tokens
from tfmpe.estimators import FlowMatchingEstimator, HierarchicalEstimator
from tfmpe.nn import Transformer, TransformerConfig

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/groups.md"
N_OBS, MOST = 2, 50
SIZES = 5, 50, 500, 5_000
N_DATA_SETS, N_DRAWS = 40, 1_000
SD_LOG_TAU = 0.5
EXCHANGEABLE = ["theta", "obs"]


def rules(global_keys):
    """Return rules that keep groups apart given the global keys."""
    pairs = [(name, "obs") for name in global_keys]
    pairs += [(b, a) for a, b in pairs]
    return {
        "local": EXCHANGEABLE,
        "cross": pairs,
        "cross_local": [("theta", "obs", (0, 0))],
    }


def simulate(rng, n, n_groups, keys, *, vary=False):
    """Return Tokens of n simulations, of up to ``n_groups`` groups."""
    shape = (n, 1, 1)
    values = {"mu": rng.normal(size=shape)}
    tau = 1.0
    if "log_tau" in keys:
        values["log_tau"] = SD_LOG_TAU * rng.normal(size=shape)
        tau = np.exp(values["log_tau"])
    theta = values["mu"] + tau * rng.normal(size=(n, n_groups, 1))
    noise = rng.normal(size=(n, n_groups, N_OBS, 1))
    values |= {"theta": theta, "obs": theta[:, :, None] + noise}
    values = {name: each.astype(np.float32) for name, each in values.items()}
    sizes = None
    if vary:
        groups = rng.integers(1, n_groups + 1, (n, 1))
        obs = np.concatenate([groups, np.full_like(groups, N_OBS)], 1)
        sizes = {"theta": groups, "obs": obs}
    return Tokens.from_pytree(values, rules(keys), event_shapes=sizes)


def exact(means, keys):
    """Return moments of the global parameters given means of groups.

    The second one by quadrature, given which the first one is normal.
    """
    n = len(means)
    log_tau, weights = np.zeros(1), np.ones(1)
    if "log_tau" in keys:
        log_tau = SD_LOG_TAU * np.linspace(-5, 5, 8_001)
    variance = np.exp(2 * log_tau) + 1 / N_OBS
    precision = 1 + n / variance
    center = means.sum() / variance / precision
    if "log_tau" in keys:
        log = -0.5 * (
            (log_tau / SD_LOG_TAU) ** 2
            + n * np.log(variance)
            + (means**2).sum() / variance
            - center**2 * precision
            + np.log(precision)
        )
        weights = np.exp(log - log.max())
        weights /= weights.sum()
    first = weights @ np.stack([center, log_tau], 1)
    second = weights @ np.stack([center**2 + 1 / precision, log_tau**2], 1)
    sd = np.sqrt(np.maximum(second - first**2, 0))
    return first[: len(keys)], sd[: len(keys)]


def judge(sample, n_groups, keys):
    """Return errors and widths of draws of the global parameters."""
    rng = np.random.default_rng(n_groups)
    observed = simulate(rng, N_DATA_SETS, n_groups, keys)
    start = time.process_time()
    draws = sample(observed)
    seconds = time.process_time() - start
    values = np.concatenate(
        [np.asarray(draws[name])[..., 0] for name in keys], -1
    )
    means = np.asarray(observed["obs"])[..., 0].mean(2).astype(float)
    mean, sd = (
        np.stack(each)
        for each in zip(*(exact(one, keys) for one in means), strict=True)
    )
    errors = (values.mean(0) - mean) / sd
    # Without the part that the number of draws explains.
    squares = (errors**2).mean(0) - 1 / len(values)
    return {
        "groups": n_groups,
        "error": np.sqrt(np.maximum(squares, 0)).tolist(),
        "median": np.median(np.abs(errors), 0).tolist(),
        "width": (values.std(0, ddof=1) / sd).mean(0).tolist(),
        "seconds": seconds,
    }


def hierarchical(keys, n, n_epochs):
    """Train the estimator for any number of groups; return its rows."""
    tokens = simulate(np.random.default_rng(0), n, MOST, keys, vary=True)
    estimator = HierarchicalEstimator(keys, exchangeable=EXCHANGEABLE)
    start = time.process_time()
    estimator.fit(
        tokens,
        keys,
        ["obs"],
        key=jax.random.key(0),
        n_epochs=n_epochs,
        learning_rate=4e-3,
        batch_size=256,
    )
    seconds = time.process_time() - start

    def sample(observed):
        key = jax.random.key(1)
        return estimator.sample(observed, keys, key=key, n_samples=N_DRAWS)

    sizes = [judge(sample, n_groups, keys) for n_groups in SIZES]
    return {"seconds": seconds, "sizes": sizes}


def transformer(keys, n, n_epochs):
    """Train one transformer for all target keys; return its rows."""
    tokens = simulate(np.random.default_rng(0), n, MOST, keys, vary=True)
    config = TransformerConfig(32, n_encoder_layers=1, n_decoder_layers=2)
    network = Transformer.for_tokens(
        tokens, config, rngs=nnx.Rngs(0), exchangeable=EXCHANGEABLE
    )
    estimator = FlowMatchingEstimator(network)
    start = time.process_time()
    target = [*keys, "theta"]
    options = {"n_epochs": n_epochs, "learning_rate": 2e-3, "batch_size": 64}
    estimator.fit(tokens, target, ["obs"], key=jax.random.key(0), **options)
    seconds = time.process_time() - start

    def sample(observed):
        # Costs as much per draw as the local parameters; so few of them.
        few = 5_000 * 100 // max(500, observed["theta"].shape[1])
        observed = observed[:4]
        key = jax.random.key(1)
        return estimator.sample(
            observed, target, ["obs"], key=key, n_samples=min(few, N_DRAWS)
        )

    sizes = [judge_few(sample, n_groups, keys) for n_groups in SIZES[:3]]
    return {"seconds": seconds, "sizes": sizes}
