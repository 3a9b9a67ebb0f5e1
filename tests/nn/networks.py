"""Networks with parameters that trigger no special case."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from tfmpe import Tokens
from tfmpe.nn import Transformer, TransformerConfig

RULES = {
    "local": ["site", "obs"],
    "cross": [("mu", "obs")],
    "cross_local": [("site", "obs", (0, 0))],
}
TARGET, GIVEN = ("site", "mu"), ("obs",)


def config(**options):
    """Return a small configuration."""
    sizes = {"n_encoder_layers": 1, "n_decoder_layers": 1, **options}
    return TransformerConfig(8, n_heads=2, n_frequencies=3, **sizes)


def make_tokens(n=4, rules=None, sites=3, padded=True, seed=0):
    """Return sites of two values, with two observations at given times."""
    rng = np.random.default_rng([seed, n])

    def normal(*shape):
        return rng.normal(size=(n, *shape)).astype(np.float32)

    data = {
        "mu": normal(1, 1),
        "site": normal(sites, 2),
        "obs": normal(sites, 2, 1),
    }
    sizes = None
    if padded:
        real = 1 + np.arange(n) % sites
        sizes = {
            "site": real[:, None],
            "obs": np.stack([real, np.full(n, 2)], 1),
        }
    rules = RULES if rules is None else rules
    times = {"obs": normal(sites, 2, 1)}
    return Tokens.from_pytree(data, rules, times, event_shapes=sizes)


def random_network(tokens, config, seed=0, **options):
    """Return a transformer with new random values for all parameters.

    Some initial values are 0, and drawing them compiles for each shape.
    """
    abstract = nnx.eval_shape(
        lambda: Transformer.for_tokens(
            tokens, config, rngs=nnx.Rngs(0), **options
        )
    )
    graph, state = nnx.split(abstract)
    rng = np.random.default_rng(seed)
    state = jax.tree.map(
        lambda leaf: jnp.asarray(0.4 * rng.normal(size=leaf.shape), leaf.dtype),
        state,
    )
    return nnx.merge(graph, state)


@partial(jax.jit, static_argnums=(0, 3, 4))
def _call(graph, state, tokens, target, given, time):
    network = nnx.merge(graph, state)
    return network(
        tokens.select_tokens(target), tokens.select_tokens(given), time
    )


def call(network, tokens, target=TARGET, given=GIVEN, time=0.3):
    """Return velocities; compiled once per architecture, layout and shape."""
    time = jnp.broadcast_to(jnp.float32(time), tokens.sample_shape)
    return _call(*nnx.split(network), tokens, target, given, time)
