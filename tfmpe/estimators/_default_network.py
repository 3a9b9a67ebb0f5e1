"""Default networks of estimators.

This is the only module of this package that imports :mod:`tfmpe.nn`, because
estimators accept any vector field.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import jax
from flax import nnx

from tfmpe.estimators._types import PRNGKey
from tfmpe.nn import (
    GroupPosterior,
    KnownKey,
    MixtureDensity,
    Transformer,
    TransformerConfig,
    default_config,
)
from tfmpe.preprocessing import Tokens


def default_network(
    tokens: Tokens,
    target_keys: Iterable[str],
    exchangeable: Iterable[str],
    key: PRNGKey,
) -> Transformer:
    """Return an untrained transformer, sized for the layout of the tokens."""
    return Transformer.for_tokens(
        tokens,
        default_config(tokens.layout, target_keys),
        rngs=_rngs(key),
        exchangeable=exchangeable,
    )


def default_density(
    tokens: Tokens,
    target_keys: Iterable[str],
    exchangeable: Iterable[str],
    key: PRNGKey,
) -> MixtureDensity:
    """Return an untrained density network for the target keys."""
    del exchangeable
    return MixtureDensity.for_tokens(tokens, target_keys, rngs=_rngs(key))


def default_group_posterior(
    tokens: Tokens,
    global_keys: Iterable[str],
    conditioning_keys: Iterable[str],
    key: PRNGKey,
) -> GroupPosterior:
    """Return an untrained network for global keys."""
    return GroupPosterior.for_tokens(
        tokens, global_keys, conditioning_keys, rngs=_rngs(key)
    )


def _rngs(key: PRNGKey) -> nnx.Rngs:
    """Return the source of initial parameters."""
    return nnx.Rngs(int(jax.random.bits(key)))


def describe_network(field: Any) -> dict[str, Any] | None:
    """Return the architecture of a ``tfmpe.nn`` network; None for others."""
    if type(field) is Transformer:
        keys, more = field.keys, {}
    elif type(field) is GroupPosterior:
        keys = field.embedding.keys
        more = {"global_keys": field.global_keys, "n_values": field.n_values}
    elif type(field) is MixtureDensity:
        keys, sizes = zip(*field.keys, strict=True)
        more = {"sizes": sizes, "width": field.width}
        more["n_components"] = field.n_components
    else:
        return None
    return {
        "config": dataclasses.asdict(field.config),
        "keys": [dataclasses.astuple(key) for key in keys],
        **more,
    }


def described_network(
    description: Mapping[str, Any],
) -> Transformer | GroupPosterior | MixtureDensity:
    """Return an untrained network, built from a stored architecture."""
    keys = tuple(KnownKey(*each) for each in description["keys"])
    config = TransformerConfig(**description["config"])
    rngs = nnx.Rngs(0)
    if "n_components" in description:
        return MixtureDensity(
            zip(keys, description["sizes"], strict=True),
            description["width"],
            config,
            n_components=description["n_components"],
            rngs=rngs,
        )
    if "global_keys" not in description:
        return Transformer(keys, config, rngs=rngs)
    return GroupPosterior(
        description["global_keys"],
        keys,
        description["n_values"],
        config,
        rngs=rngs,
    )
