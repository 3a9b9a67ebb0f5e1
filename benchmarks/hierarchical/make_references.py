"""Reference posteriors of all tasks, written to ``references/``.

Observations that are already there are kept; missing ones are simulated. From
the root of the repository::

    python benchmarks/hierarchical/make_references.py              # all
    python benchmarks/hierarchical/make_references.py two_moons_5  # some

Each is computed twice, the second time more finely; the file has the values of
the second and the largest difference between both, in posterior sd.
"""

import json
import sys
from pathlib import Path

import gibbs
import jax
import numpy as np
import quadrature
from tasks import TASKS

FOLDER = Path(__file__).resolve().parent / "references"
SIZES = 5, 50
N_DRAWS = 1_000
# Cells for each global and each local parameter; chains, sweeps, burn-in.
GRIDS = {5: [(48, 300), (64, 400)], 50: [(24, 200), (32, 300)]}
CHAINS = {5: [(60, 600, 200), (120, 1_000, 200)],
          50: [(8, 600, 300), (24, 1_100, 500)]}  # fmt: skip
HALVES = {"gaussian_linear": (1.0,), "gaussian_linear_uniform": (0.1, 10.0)}


def read(name):
    """Return a stored reference; lists are arrays."""
    return _as_arrays(json.loads((FOLDER / f"{name}.json").read_text()))


def _as_arrays(value):
    if isinstance(value, dict):
        return {name: _as_arrays(part) for name, part in value.items()}
    return np.asarray(value) if isinstance(value, list) else value


def observation(name, size):
    """Return the stored observation, or a simulated one."""
    if (FOLDER / f"{name}_{size}.json").exists():
        return read(f"{name}_{size}")["x"]
    task, keys = TASKS[name], jax.random.split(jax.random.key(size))
    x = task.simulator(keys[1], task.prior(keys[0], 1, size))["x"][0]
    return np.asarray(x, float)


def posterior(name, x, fine):
    """Return means, sds, a function that draws globals, and how."""
    task, size = TASKS[name], len(x)
    if name in HALVES:
        n = (2_000, 4_000)[fine]
        found = quadrature.one_scale(x[:, 0], *HALVES[name], n=n)
        return *found, f"quadrature over {n:,} values of sigma"
    if task.population and len(task.population.half) == 2:
        n, n_local = GRIDS[size][fine]
        found = quadrature.pooled(
            x, task.population, task.log_likelihood, n, n_local
        )
        how = f"quadrature, {n} cells for each global parameter and "
        return *found, how + f"{n_local} for each local one"
    n_chains, n_sweeps, n_burn = CHAINS[size][fine]
    draws = gibbs.sample(x, n_chains, n_sweeps, n_burn, seed=int(fine))
    worst = max(map(gibbs.r_hat, draws.values()))
    flat = {name: v.reshape(-1, *v.shape[2:]) for name, v in draws.items()}
    moments = {
        name: (v.mean(0, dtype=float), v.std(0, dtype=float))
        for name, v in flat.items()
    }

    def draw(rng, n_draws):
        rows = rng.choice(len(flat["loc"]), n_draws, replace=False)
        return {name: flat[name][rows] for name in ("loc", "scale")}

    how = f"Gibbs sampling, {n_chains} chains of {n_sweeps:,} sweeps after "
    return moments, draw, how + f"{n_burn}, largest split R-hat {worst:.4f}"


def make(name, size):
    """Write one file."""
    x = observation(name, size)
    coarse, _, _ = posterior(name, x, fine=False)
    moments, draw, how = posterior(name, x, fine=True)
    differences = [
        np.abs(np.subtract(coarse[key], moments[key]) / moments[key][1]).max()
        for key in moments
    ]
    draws = draw(np.random.default_rng(0), N_DRAWS)
    stored = {
        "how": how,
        "refining changed, in sd": float(f"{max(differences):.2g}"),
        "x": rounded(x, 9),
        "mean": {key: mean for key, (mean, _) in moments.items()},
        "sd": {key: sd for key, (_, sd) in moments.items()},
        "draws": {key: rounded(v, 4) for key, v in draws.items()},
    }
    text = json.dumps(stored, default=rounded, separators=(",", ":"))
    text = text.replace(',"', ',\n"')
    (FOLDER / f"{name}_{size}.json").write_text(text + "\n")
    print(f"{name}_{size}: {how}; {max(differences):.2g} sd", flush=True)


def rounded(array, digits=6):
    """Return rounded numbers."""
    if np.ndim(array) == 0:
        return float(f"{array:.{digits}g}")
    return [rounded(part, digits) for part in array]


def main():
    """Make all references, or those that are requested."""
    names = sys.argv[1:] or [f"{n}_{s}" for s in SIZES for n in TASKS]
    for name in names:
        task, _, size = name.rpartition("_")
        make(task, int(size))


if __name__ == "__main__":
    main()
