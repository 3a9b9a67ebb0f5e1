"""Error and cost of the hierarchical Gaussian from 5 to 1,000 sites.

The number of simulated sites and the number of training steps are the same for
every size: more sites mean fewer simulations. Draws are compared with the exact
posterior. From the root of the repository, with the extra ``flow``::

    python benchmarks/growth.py              # several minutes
    python benchmarks/growth.py --sites 5 50

Writes ``docs/benchmarks/growth.md``.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from peers.run import exact

from tfmpe import Tokens
from tfmpe.estimators import FlowMatchingEstimator
from tfmpe.nn import Transformer, TransformerConfig

PAGE = Path(__file__).resolve().parents[1] / "docs/benchmarks/growth.md"
N_OBS, N_STEPS, SITES_PER_STEP = 3, 500, 640
N_SIMULATED = 40_000  # sites
N_DATA_SETS, N_DRAWS = 10, 200
RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
KEYS = ["mu", "theta"], ["obs"]


def simulate(rng, n, n_sites):
    """Return Tokens of n simulations."""
    mu = rng.normal(size=(n, 1, 1))
    theta = mu + rng.normal(size=(n, n_sites, 1))
    obs = theta[:, :, None] + rng.normal(size=(n, n_sites, N_OBS, 1))
    data = {"mu": mu, "theta": theta, "obs": obs}
    data = {name: each.astype(np.float32) for name, each in data.items()}
    return Tokens.from_pytree(data, RULES)


def measure(n_sites):
    """Return a row of the table for one number of sites."""
    rng = np.random.default_rng(n_sites)
    n = max(2, N_SIMULATED // n_sites)
    rows = max(2, min(n, SITES_PER_STEP // n_sites))
    tokens = simulate(rng, n, n_sites)
    config = TransformerConfig(32, n_encoder_layers=1, n_decoder_layers=2)
    network = Transformer.for_tokens(
        tokens, config, rngs=nnx.Rngs(0), exchangeable=["theta", "obs"]
    )
    estimator = FlowMatchingEstimator(network)
    n_epochs = max(1, round(N_STEPS / -(-n // rows)))
    options = {"learning_rate": 2e-3, "batch_size": rows, "n_epochs": n_epochs}
    start = time.process_time()
    estimator.fit(tokens, *KEYS, key=jax.random.key(0), **options)
    trained = time.process_time()
    observed = simulate(rng, N_DATA_SETS, n_sites)
    draws = estimator.sample(
        observed, *KEYS, key=jax.random.key(1), n_samples=N_DRAWS
    )
    values = np.asarray(draws.data)[..., 0].swapaxes(0, 1)
    drawn = time.process_time()
    mean, sd = exact(np.asarray(observed.decode()["obs"])[..., 0])
    # Without the part that the number of draws explains.
    squares = ((values.mean(1) - mean) / sd) ** 2 - 1 / N_DRAWS
    error = [np.sqrt(max(0, part.mean())) for part in np.split(squares, [1], 1)]
    width = np.split(values.std(1, ddof=1) / sd, [1], 1)
    return (
        f"| {n_sites:,} | {n:,} | {error[0]:.2f} | {error[1]:.2f} "
        f"| {width[0].mean():.2f} | {width[1].mean():.2f} "
        f"| {trained - start:.0f} "
        f"| {(drawn - trained) / N_DATA_SETS / N_DRAWS * 1e3:.1f} |"
    )


def main():
    """Measure all sizes, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [5, 20, 100, 300, 1_000]
    parser.add_argument("--sites", type=int, nargs="+", default=sizes)
    lines = [
        "# Growth with the number of sites",
        "",
        "| sites | simulations | error of mu | error of theta "
        "| sd of mu / exact | sd of theta / exact | training, CPU s "
        "| CPU ms per draw |",
        "|---" * 8 + "|",
    ]
    for n_sites in parser.parse_args().sites:
        lines.append(measure(n_sites))
        print(lines[-1], flush=True)
    lines += [
        "",
        f"""\
Posteriors of the local parameters are accurate at every size. The global
parameter has a single value in each simulation, so 400 simulations or fewer are
not enough for its posterior. For many sites, the cost of a draw grows about
linearly.

The model is the hierarchical Gaussian with {N_OBS} observations of each site,
and independence rules that separate the sites. Every size has {N_SIMULATED:,}
simulated sites in all, about {N_STEPS} training steps of {SITES_PER_STEP} sites
(at least 2 simulations), and {N_DRAWS} draws for each of {N_DATA_SETS} data
sets. Errors of posterior means are root mean squares in exact standard
deviations. Times include compilation. Measured by
[`benchmarks/growth.py`](../../benchmarks/growth.py) on {os.cpu_count()} cores,
{platform.machine()}, {platform.system()}, Python {platform.python_version()},
jax {jax.__version__}.
""",
    ]
    PAGE.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
