"""Simulation and training in several processes, on one or several machines.

Run one process, or one process per machine (here both on one machine)::

    python several_processes.py
    python several_processes.py --address localhost:9000 --processes 2 --rank 0
    python several_processes.py --address localhost:9000 --processes 2 --rank 1

All processes use the same seed, and each simulates its own part of every
batch, so together they train on the same data as a single process; JAX sums
the gradients. All print the same number.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from tfmpe import TokenGenerator, concatenate_tokens, shard_tokens


def prior(key, n):
    """Sample a global mean."""
    return {"mu": 3.0 + jax.random.normal(key, (n, 1, 1))}


def simulator(key, parameters):
    """Draw five observations of the mean."""
    mu = parameters["mu"]
    return {"obs": mu + jax.random.normal(key, (len(mu), 5, 1))}


@jax.jit
def step(estimate, batch):
    """Update the estimate of the mean of mu by one gradient step."""

    def loss(estimate):
        mu = batch.select_tokens(["mu"]).data
        return jnp.mean((mu - estimate) ** 2)

    return estimate - 0.1 * jax.grad(loss)(estimate)


def main():
    """Train on batches that are divided among all processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="address of the process with rank 0")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rank", type=int, default=0)
    args = parser.parse_args()
    if args.processes > 1:
        jax.distributed.initialize(args.address, args.processes, args.rank)

    # All devices of all processes; the batches of a step are divided among the
    # processes in the order of their ranks.
    mesh = Mesh(np.array(jax.devices()), ("data",))
    generator = TokenGenerator(prior, simulator, None, {}, 640, 8, seed=0)
    per_step = 4 // args.processes
    estimate = 0.0
    for first in range(args.rank * per_step, len(generator), 4):
        mine = concatenate_tokens(*generator.batches(first, first + per_step))
        estimate = step(estimate, shard_tokens(mine, mesh))
    print(f"mean of mu {float(estimate):.4f}")
    many = "process" if args.processes == 1 else "processes"
    n_devices = jax.device_count()
    print(
        f"{args.processes} {many}, {n_devices} "
        f"{'device' if n_devices == 1 else 'devices'}"
    )


if __name__ == "__main__":
    main()
