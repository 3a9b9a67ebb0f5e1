"""What one evaluation of a vector field costs with up to a million sites.

The epidemic of the benchmarks, whose sites see one another through the common
parameters alone, and the core's network of the same table. A draw with the
default solver is 8 evaluations. Prints a Markdown table::

    python docs/benchmarks/millions.py --sites 10000 250000
"""

import argparse
import time

import jax
import jax.numpy as jnp

from tfmpe import Tokens
from tfmpe.migrate.bench.data import (
    LOCAL_RULES,
    THETA_KEYS,
    Y_KEYS,
    Model,
    Size,
    events,
)
from tfmpe.migrate.bench.networks import core_network

HEADINGS = ("sites", "tokens", "temporaries", "compile", "evaluation", "moved")


def evaluate(tokens, at):
    """Return velocities of all parameters, the encoder included."""
    target = tokens.select_tokens(THETA_KEYS)
    return core_network()(target, tokens.select_tokens(Y_KEYS), at)


def row(n_sites):
    """Measure one number of sites."""
    size = Size(n_sites, 1)
    leaves = tuple(
        jax.ShapeDtypeStruct((size.n_samples, *event, 1), jnp.float32)
        for event in events(size).values()
    )
    tokens = jax.eval_shape(
        lambda model: Tokens.from_pytree(model.both, LOCAL_RULES, model.inputs),
        Model(leaves, leaves),
    )
    core_network()
    start = time.perf_counter()
    at = jax.ShapeDtypeStruct((1,), jnp.float32)
    compiled = jax.jit(evaluate).lower(tokens, at).compile()
    compiling = time.perf_counter() - start
    ones = jax.tree.map(
        lambda leaf: jnp.ones(leaf.shape, leaf.dtype), (tokens, at)
    )
    jax.block_until_ready(compiled(*ones))
    start = time.perf_counter()
    jax.block_until_ready(compiled(*ones))
    running = time.perf_counter() - start
    needs = compiled.memory_analysis().temp_size_in_bytes
    moved = compiled.cost_analysis()["bytes accessed"]
    return (
        f"{n_sites:,}",
        f"{size.n_tokens:,}",
        f"{needs / 1e9:.2f} GB",
        f"{compiling:.1f} s",
        f"{running:.2f} s",
        f"{moved / 1e9:.1f} GB",
    )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sites", type=int, nargs="+", default=[1_000, 10_000, 100_000]
    )
    print("|", " | ".join(HEADINGS), "|")
    print("|" + "---|" * len(HEADINGS))
    for n_sites in parser.parse_args().sites:
        print("|", " | ".join(row(n_sites)), "|", flush=True)


if __name__ == "__main__":
    main()
