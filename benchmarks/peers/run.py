"""One job in tfmpe, sbi and BayesFlow: error, time and memory side by side.

Each package runs in its own environment, which this script makes, on the same
simulations of the hierarchical Gaussian of README.md; draws are compared with
its exact posterior. From the root of the repository::

    python benchmarks/peers/run.py            # all three, some minutes
    python benchmarks/peers/run.py tfmpe sbi  # some of them

Writes ``docs/benchmarks/peers.json`` and ``peers.md``.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = ROOT / "docs" / "benchmarks"
N_SITES, N_OBS = 5, 3
N_SIMULATIONS, N_EPOCHS = 2_000, 30
N_DATA_SETS, N_DRAWS = 200, 400

# What to install, which files of results there are, and their titles.
PACKAGES = {
    "tfmpe": (["-e", f"{ROOT}[flow,numpyro]"], ["tfmpe", "straightened"]),
    "sbi": (["sbi"], ["sbi"]),
    "bayesflow": (["bayesflow>=2", "jax"], ["bayesflow"]),
}
TITLES = {
    "tfmpe": "tfmpe: transformer with the rules of the model",
    "straightened": "the same, straightened, two evaluations per draw",
    "sbi": "sbi: NPE (masked autoregressive flow) of one vector",
    "bayesflow": "BayesFlow: flow matching of one vector",
}
# Drawing in BayesFlow takes minutes per 1,000 draws.
FEWER_DRAWS = {"bayesflow": 20}


def simulate(rng, n):
    """Return parameters ``(n, 6)`` and observations ``(n, 5, 3)``."""
    mu = rng.normal(size=(n, 1))
    theta = mu + rng.normal(size=(n, N_SITES))
    obs = theta[:, :, None] + rng.normal(size=(n, N_SITES, N_OBS))
    parameters = np.concatenate([mu, theta], 1)
    return parameters.astype(np.float32), obs.astype(np.float32)


def exact(obs):
    """Return means ``(n, 1 + sites)`` and standard deviations."""
    _, n_sites, n_obs = obs.shape
    precision = np.diag([1.0 + n_sites] + [1.0 + n_obs] * n_sites)
    precision[0, 1:] = precision[1:, 0] = -1
    covariance = np.linalg.inv(precision)
    linear = np.concatenate([np.zeros((len(obs), 1)), obs.sum(-1)], 1)
    return linear @ covariance, np.sqrt(np.diag(covariance))


def environment(package):
    """Make an environment with one package, and return its Python."""
    place = ROOT / "build" / "peers" / package
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    install = [python, "-m", "pip", "install", "-q", *PACKAGES[package][0]]
    subprocess.run(install, check=True)
    return python


def measure(package, data):
    """Run the job in a package; return what was measured, by result."""
    n_draws = FEWER_DRAWS.get(package, N_DRAWS)
    job = HERE / f"{package}_job.py"
    subprocess.run(
        [environment(package), job, data, str(N_EPOCHS), str(n_draws)],
        check=True,
        cwd=data,  # sbi writes logs into the working folder.
        env={**os.environ, "JAX_PLATFORMS": "cpu", "KERAS_BACKEND": "jax"},
    )
    n_lines = sum(bool(line.strip()) for line in job.read_text().splitlines())
    mean, sd = exact(np.load(data / "observed.npy"))
    found = {}
    for name in PACKAGES[package][1]:
        measured = json.loads((data / f"{name}.json").read_text())
        draws = np.load(data / f"{name}.npy")  # (data sets, draws, 6)
        assert draws.shape == (N_DATA_SETS, n_draws, 6), draws.shape
        # The error that chance leaves in a mean of the draws is subtracted.
        square = np.mean(((draws.mean(1) - mean) / sd) ** 2) - 1 / n_draws
        measured["error"] = float(np.sqrt(max(square, 0)))
        measured["width"] = float((draws.std(1, ddof=1) / sd).mean())
        measured["draws"], measured["lines"] = N_DATA_SETS * n_draws, n_lines
        found[name] = measured
    return found


def page(results):
    """Return the results as a table."""
    rows = [
        ("error of posterior means, in posterior sd", "error", ".3f"),
        ("sd of the draws / exact", "width", ".3f"),
        ("training, wall s", "training wall", ".0f"),
        ("training, CPU s", "training CPU", ".0f"),
        ("straightening, wall s", "straightening wall", ".0f"),
        ("draws", "draws", ",d"),
        ("drawing, wall s", "drawing wall", ".1f"),
        ("drawing, CPU s", "drawing CPU", ".1f"),
        ("peak memory, MB", "peak MB", ",.0f"),
        ("lines of the script", "lines", "d"),
        ("version", "version", "s"),
    ]
    found = results["packages"]
    lines = [
        "# Comparison with other packages",
        "",
        "| | " + " | ".join(TITLES[name] for name in found) + " |",
        "|---" * (len(found) + 1) + "|",
    ]
    for title, key, form in rows:
        cells = [
            format(each[key], form) if key in each else ""
            for each in found.values()
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(
        [
            *lines,
            "",
            f"""\
The model is the hierarchical Gaussian of {N_SITES} sites with {N_OBS}
observations each. All packages use the same {N_SIMULATIONS:,} simulations,
{N_EPOCHS} epochs (sbi stops by itself) and {N_DATA_SETS} observed data sets.
Errors are root mean squares relative to the exact posterior; the Monte
Carlo error of the draws is subtracted. Times include compilation. sbi and
BayesFlow see the values as one vector and do not know which belong together;
both have other networks that were not tried here. Measured by
[`benchmarks/peers/run.py`](../../benchmarks/peers) on {results["machine"]}.
""",
        ]
    )


def main():
    """Measure the packages that are requested, by default all."""
    packages = sys.argv[1:] or list(PACKAGES)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        parameters, simulated = simulate(rng, N_SIMULATIONS)
        _, observed = simulate(rng, N_DATA_SETS)
        np.save(data / "parameters.npy", parameters)
        np.save(data / "simulated.npy", simulated)
        np.save(data / "observed.npy", observed)
        found = {}
        for package in packages:
            found |= measure(package, data)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, "
    machine += f"{platform.system()}, Python {platform.python_version()}"
    results = {"machine": machine, "packages": found}
    (RESULTS / "peers.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "peers.md").write_text(page(results))
    print(page(results))


if __name__ == "__main__":
    main()
