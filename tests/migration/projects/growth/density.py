"""The density of a few draws, under a flow that is not trained."""

import jax.numpy as jnp
from flax import nnx
from growth.legacy import Flow
from growth.model import SiteField


def main():
    """Print the densities of two draws."""
    cnf = Flow(SiteField(), rngs=nnx.Rngs(0))
    label, inputs = jnp.zeros((1, 1), int), jnp.zeros((1, 1, 1))
    open_pairs = jnp.ones((1, 1, 1, 1))
    density = cnf.log_prob(
        jnp.array([[[0.5]], [[1.5]]]),
        label,
        inputs,
        open_pairs,
        jnp.array([[[1.2]]]),
        label + 1,
        inputs + 1,
        open_pairs,
        open_pairs,
    )
    for value in density:
        print(f"{value:.1f}")


if __name__ == "__main__":
    main()
