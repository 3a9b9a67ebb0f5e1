"""Tokens and small networks that the tests of networks share."""

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from tfmpe import Tokens
from tfmpe.nn import Transformer, TransformerConfig

SMALL = TransformerConfig(
    latent_dim=8,
    n_heads=2,
    n_encoder_layers=1,
    n_decoder_layers=2,
    n_frequencies=2,
)
RULES = {
    "local": ["theta", "obs"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def draw(seed, *shape):
    """Return standard normal numbers."""
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.fixture(scope="package")
def tokens():
    """Four simulations of a hierarchical model, with times of obs."""
    return Tokens.from_pytree(
        {
            "mu": draw(0, 4, 1, 2),
            "theta": draw(1, 4, 3, 1),
            "obs": draw(2, 4, 3, 2, 1),
        },
        RULES,
        functional_inputs={"obs": draw(3, 4, 3, 2, 1)},
    )


def trained(network, seed=5):
    """Return a network whose weights are no longer zero anywhere."""
    graph, state = nnx.split(network)
    leaves, structure = jax.tree.flatten(state)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [
        leaf + 0.3 * jax.random.normal(key, leaf.shape)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return nnx.merge(graph, jax.tree.unflatten(structure, moved))


@pytest.fixture(scope="package")
def network(tokens):
    """Return a small network with random weights."""
    return trained(Transformer.for_tokens(tokens, SMALL, rngs=nnx.Rngs(0)))


@pytest.fixture(scope="package")
def velocity(network):
    """Return the compiled field: from Tokens, keys and time to velocities."""

    def call(tokens, target, given, time=None):
        if time is None:
            time = jnp.full(tokens.sample_shape, 0.3)
        return network(
            tokens.select_tokens(target), tokens.select_tokens(given), time
        )

    return jax.jit(call, static_argnums=(1, 2))
