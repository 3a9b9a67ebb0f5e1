"""Measure how many steps a flow needs, and print the table of solvers.md.

Trains the hierarchical Gaussian of `examples/`, draws from 20 posteriors by
every method, and compares with 64 steps of the eighth-order one::

    python docs/benchmarks/solvers.py
"""

import sys
from pathlib import Path

import jax
import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "examples"))

from hierarchical_gaussian import (
    OBSERVATIONS,
    PARAMETERS,
    RULES,
    prior,
    simulator,
    train,
)

from tfmpe import generate_static_dataset

N_OBSERVATIONS, N_DRAWS = 20, 50
EXACT = {"solver": "dopri8", "n_steps": 64}
# Evaluations of the field in a step.
STAGES = {
    "euler": 1,
    "midpoint": 2,
    "bosh3": 3,
    "rk4": 4,
    "tsit5": 6,
    "dopri5": 6,
}
STAGES["dopri8"] = 13
FIXED = [
    ("midpoint", 2),
    ("midpoint", 3),
    ("midpoint", 4),
    ("midpoint", 8),
    ("bosh3", 6),
    ("rk4", 2),
    ("rk4", 3),
    ("rk4", 4),
    ("rk4", 8),
    ("tsit5", 3),
    ("dopri5", 3),
    ("dopri8", 2),
]
FEW = [("euler", 1), ("euler", 2), ("midpoint", 1), ("midpoint", 2)]
TOLERANCES = [1e-3, 1e-4, 1e-5]
DENSITY_STEPS = [4, 8, 12]


def rms(values):
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def main():
    """Train, solve in every way, and print."""
    train_key, fresh_key, draw_key = jax.random.split(jax.random.key(0), 3)
    straight_key = jax.random.key(1)
    estimator, history = train(train_key, 300_000, 1)
    print(history)
    fresh = generate_static_dataset(
        fresh_key, prior, simulator, None, RULES, N_OBSERVATIONS
    )
    standard = estimator.standardizer

    def draws(estimator=estimator, **options):
        drawn = estimator.sample(
            fresh,
            PARAMETERS,
            OBSERVATIONS,
            key=draw_key,
            n_samples=N_DRAWS,
            **options,
        )
        return np.asarray(standard.forward(drawn).data, float)

    exact = draws(**EXACT)
    # The error of a mean of 1,000 draws that chance leaves.
    chance = exact.std(0) / np.sqrt(1000)
    print("| solver | steps | evaluations | error | error of a mean |")
    print("|---|---|---|---|---|")

    def print_error(solver, n_steps, **field):
        error = draws(solver=solver, n_steps=n_steps, **field) - exact
        print(
            f"| {solver} | {n_steps} | {STAGES[solver] * n_steps} "
            f"| {rms(error):.1e} | {rms(error.mean(0) / chance):.3f} |",
            flush=True,
        )

    for solver, n_steps in FIXED:
        print_error(solver, n_steps)
    simulations = generate_static_dataset(
        straight_key, prior, simulator, None, RULES, 5_000
    )
    straight = estimator.straightened(
        simulations, PARAMETERS, OBSERVATIONS, key=straight_key
    )
    print("straightened:")
    for solver, n_steps in FEW:
        print_error(solver, n_steps, estimator=straight)
    for tolerance in TOLERANCES:
        error = draws(rtol=tolerance, atol=tolerance) - exact
        print(f"dopri5, tolerance {tolerance:.0e}: {rms(error):.1e}")

    def density(**options):
        return np.asarray(
            estimator.log_prob(fresh, PARAMETERS, OBSERVATIONS, **options)
        )

    exact = density(**EXACT)
    for n_steps in DENSITY_STEPS:
        error = rms(density(n_steps=n_steps) - exact)
        print(f"log-density, rk4, {n_steps} steps: {error:.1e} nats")


if __name__ == "__main__":
    main()
