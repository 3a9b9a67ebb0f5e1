"""Reference posteriors of the NumPyro models by a long NUTS run.

From the root of the repository, with NumPyro; writes ``references/``::

    python benchmarks/hierarchical/nuts.py            # both
    python benchmarks/hierarchical/nuts.py radon
"""

import json
import sys

import jax
import numpy as np
import numpyro
from make_references import FOLDER, rounded
from numpyro.diagnostics import effective_sample_size, gelman_rubin
from numpyro.infer import MCMC, NUTS
from numpyro.infer.reparam import LocScaleReparam
from ragged_and_crossed import CASES

QUANTILES = 0.05, 0.25, 0.5, 0.75, 0.95
N_CHAINS, N_WARMUP, N_SAMPLES, ACCEPT = 4, 500, 2_500, 0.9
# Sampled without their location and scale, for which NUTS is faster.
CENTERED = {"radon": 1.0, "item_response": 0.0}
REPARAMETERIZED = {"radon": "level", "item_response": "difficulty"}


def make(name):
    """Run NUTS, and write one file."""
    case, observed = CASES[name], CASES[name].observed()
    config = {REPARAMETERIZED[name]: LocScaleReparam(CENTERED[name])}
    model = numpyro.handlers.reparam(case.model, config)
    mcmc = MCMC(
        NUTS(model, target_accept_prob=ACCEPT),
        num_warmup=N_WARMUP,
        num_samples=N_SAMPLES,
        num_chains=N_CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(1), *case.arguments, y=observed)
    chains = {
        key: np.asarray(value)
        for key, value in mcmc.get_samples(group_by_chain=True).items()
        if not key.endswith("_decentered")
    }
    flat = {k: v.reshape(-1, *v.shape[2:]) for k, v in chains.items()}
    worst = max(float(np.max(gelman_rubin(v))) for v in chains.values())
    least = min(
        float(np.min(effective_sample_size(v))) for v in chains.values()
    )
    how = f"NUTS, {N_CHAINS} chains of {N_SAMPLES:,} draws after {N_WARMUP:,}, "
    how += f"target acceptance {ACCEPT}; largest R-hat {worst:.4f}, smallest "
    how += f"effective sample size {least:,.0f}; numpyro {numpyro.__version__}"
    rows = np.random.default_rng(0).choice(
        len(flat[case.global_names[0]]), 1000
    )
    stored = {
        "how": how,
        "observed": rounded(observed, 7),
        "mean": {k: rounded(v.mean(0, dtype=float)) for k, v in flat.items()},
        "sd": {k: rounded(v.std(0, dtype=float)) for k, v in flat.items()},
        "quantiles": {"levels": QUANTILES} | {
            k: rounded(np.quantile(v, QUANTILES, 0)) for k, v in flat.items()
        },
        "draws": {k: rounded(flat[k][rows], 4) for k in case.global_names},
    }  # fmt: skip
    text = json.dumps(stored, separators=(",", ":")).replace(',"', ',\n"')
    (FOLDER / f"{name}.json").write_text(text + "\n")
    print(f"{name}: {how}", flush=True)


if __name__ == "__main__":
    for requested in sys.argv[1:] or CASES:
        make(requested)
