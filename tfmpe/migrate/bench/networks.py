"""Legacy network and network of the core, of equal width and depth."""

from dataclasses import replace
from functools import cache
from typing import Any

import jax
import numpy as np
from flax import nnx

from tfmpe.compat.nn import transformer as legacy
from tfmpe.estimators._flow.vector_field import merge_field, split_field
from tfmpe.nn import Transformer, TransformerConfig

from .data import Size, as_tokens

_LEGACY = {
    **{"latent_dim": 32, "label_dim": 4, "index_out_dim": 4, "n_heads": 4},
    **{"n_encoder": 1, "n_decoder": 2, "n_ff": 1, "dropout": 0.0},
    "activation": nnx.relu,
}
_CORE = TransformerConfig(32, 4, 1, 2, mlp_ratio=1.0)


@cache
def bridge_network() -> Any:
    """Return the legacy network of the bridge, in evaluation mode."""
    network = legacy.Transformer(
        _LEGACY, value_dim=1, n_labels=7, index_dim=1, rngs=nnx.Rngs(0)
    )
    network.eval()
    return network


@cache
def legacy_weights() -> dict[str, Any]:
    """Return a network's weights by path, for the oracle."""
    return legacy.parameters.read_parameters(bridge_network())


@cache
def core_network(attention: str = "auto") -> Transformer:
    """Return the core's network, for all sizes, with a nonzero field."""
    network = Transformer.for_tokens(
        as_tokens(Size(2, 8)),
        replace(_CORE, attention=attention),
        rngs=nnx.Rngs(0),
    )
    split, rng = split_field(network), np.random.default_rng(0)

    def moved(leaf: Any) -> Any:
        return leaf + 0.1 * rng.standard_normal(leaf.shape, dtype=np.float32)

    weights = jax.tree.map(moved, split.parameters)
    return merge_field(split.static, weights, split.rest)
