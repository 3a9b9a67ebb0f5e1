"""Posteriors of the hierarchical tasks, compared with exact ones.

From the root of the repository, with the extras ``flow`` and ``plot``::

    python benchmarks/hierarchical/run.py                    # one task, minutes
    python benchmarks/hierarchical/run.py sir --size 50 --budget 10000
    python benchmarks/hierarchical/run.py all --budget 1000 --seeds 3 --write

The budget counts simulations of single sites; those of radon and item_response,
which need NumPyro and have one size, are complete. With ``--write`` the results
are added to ``docs/benchmarks/hierarchical.json``, where they replace those of
the same cell and seed, and page and picture are made from it.
"""

import argparse
import os
import platform
import time
import warnings

import jax
import numpy as np
import page
from judge import judge
from make_references import read, rounded
from tasks import TASKS
from training import METHODS, from_numpyro

from tfmpe import PaddingWarning


def measure(name, size, budget, method, seed):
    """Train, draw and judge; return a row of the results."""
    key, draw_key = jax.random.split(jax.random.key(seed))
    start = time.process_time()
    if name in TASKS:
        task, reference = TASKS[name], read(f"{name}_{size}")
        draw = METHODS[method](task, size, budget, key)
        observed = np.asarray(reference["x"], np.float32)
    else:
        import ragged_and_crossed as models

        task, reference = models.CASES[name], read(name)
        draw = from_numpyro(task, budget, method, key)
        observed = reference["observed"]
    trained = time.process_time()
    draws = draw(observed, draw_key)
    verdict = judge(draws, reference, task.global_names)
    n = verdict.n_globals
    parts = {"globals": slice(n), "locals": slice(n, None)}
    return {
        "task": name,
        "size": size,
        "budget": budget,
        "method": method,
        "seed": seed,
        "error": {
            part: float(np.sqrt((verdict.error[i] ** 2).mean()))
            for part, i in parts.items()
        },
        "width": {
            part: float(np.exp(np.log(verdict.width[i]).mean()))
            for part, i in parts.items()
        },
        "worst error": verdict.worst_error,
        "worst width": verdict.worst_width,
        "c2st": verdict.c2st,
        "missed": verdict.missed,
        "training CPU": trained - start,
        "drawing CPU": time.process_time() - trained,
        "globals": {
            name: rounded(draws[name][: page.N_SHOWN], 4)
            for name in task.global_names
        },
    }


def main():
    """Measure the cells that are requested."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "task",
        nargs="?",
        default="gaussian_linear",
        choices=[*TASKS, *page.NUMPYRO, "all"],
    )
    parser.add_argument("--size", type=int, default=5, choices=(5, 50))
    parser.add_argument("--budget", type=int, default=1_000)
    parser.add_argument("--method", default="direct", choices=METHODS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, "
    machine += f"{platform.system()}, Python {platform.python_version()}, "
    machine += f"jax {jax.__version__}"
    # The counts of a site in the task sir are one token, wider than all others.
    warnings.filterwarnings("ignore", category=PaddingWarning)
    names = TASKS if options.task == "all" else [options.task]
    for name in names:
        size = options.size if name in TASKS else 0
        for seed in range(options.seeds):
            row = measure(name, size, options.budget, options.method, seed)
            print(page.line(row), flush=True)
            if options.write:
                found = page.add(row, machine)
    if options.write:
        page.write(found)


if __name__ == "__main__":
    main()
