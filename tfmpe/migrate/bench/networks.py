"""The two networks that are compared: equally wide, equally deep.

The legacy one, with random weights, as the oracle and the bridge run it; and
the core's. Needs the extra ``flow``.
"""

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from tfmpe.compat.nn.transformer import Transformer as LegacyTransformer
from tfmpe.compat.nn.transformer import parameters
from tfmpe.estimators._flow.vector_field import merge_field, split_field
from tfmpe.migrate.replay.oracle import load_oracle
from tfmpe.nn import Transformer, TransformerConfig

from .join_cases import as_tokens
from .models import Size

LEGACY_CONFIG = {
    "latent_dim": 32,
    "label_dim": 4,
    "index_out_dim": 4,
    "n_encoder": 1,
    "n_decoder": 2,
    "n_heads": 4,
    "n_ff": 1,
    "dropout": 0.0,
    "activation": nnx.relu,
}
CONFIG = TransformerConfig(
    latent_dim=32,
    n_heads=4,
    n_encoder_layers=1,
    n_decoder_layers=2,
    mlp_ratio=1.0,
)


@lru_cache(maxsize=1)
def legacy_network() -> LegacyTransformer:
    """Return the legacy network as the bridge runs it, not dropping."""
    network = LegacyTransformer(
        LEGACY_CONFIG, value_dim=1, n_labels=7, index_dim=1, rngs=nnx.Rngs(0)
    )
    network.eval()
    return network


@lru_cache(maxsize=1)
def legacy_weights() -> dict[str, Any]:
    """Return its weights by path."""
    return parameters.read_parameters(legacy_network())


@lru_cache(maxsize=1)
def legacy_field() -> Any:
    """Return the legacy network as a plain function of jax."""
    return partial(load_oracle().transformer, legacy_weights())


@lru_cache(maxsize=3)
def core_network(attention: str = "auto") -> Transformer:
    """Return the core's network, far from the zero field it begins as.

    One for all numbers of sites, with equal weights for each way to attend.
    """
    network = Transformer.for_tokens(
        as_tokens(Size(2, 8), 0),
        replace(CONFIG, attention=attention),
        rngs=nnx.Rngs(0),
    )
    split = split_field(network)
    rng = np.random.default_rng(0)
    moved = jax.tree.map(
        lambda leaf: (
            leaf + 0.1 * rng.standard_normal(leaf.shape, dtype=np.float32)
        ),
        split.parameters,
    )
    return merge_field(split.static, moved, split.rest)
