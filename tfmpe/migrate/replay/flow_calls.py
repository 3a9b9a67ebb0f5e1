"""Recorded calls of a flow: field, weights and noise (extra `flow`)."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from flax.traverse_util import flatten_dict

from tfmpe.compat.nn._stacks import hold
from tfmpe.compat.nn.transformer import Transformer, load_parameters
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.migrate.oracle.fields import FIELDS

# If a call is traced or refused, values do not matter.
_ANY_FIELD = "closed_form_v1"

_FULL = 8


class Setting(NamedTuple):
    """Object on which a recorded method was called."""

    field: Callable[..., Any]
    rngs: Any


def read_setting(extra: Mapping[str, Any] | None) -> Setting:
    """Return the setting in the `extra` of a case."""
    extra = extra or {}
    rngs: Any = nnx.Rngs(0)
    if "base_key_data" in extra:
        rngs = _RecordedKey(extra["base_key_data"])
    if "params" in extra:
        return Setting(network_of(extra["params"]), rngs)
    return Setting(FIELDS[extra.get("field", _ANY_FIELD)], rngs)


class _RecordedKey:
    """Random numbers that start with the key of the recorded draw."""

    def __init__(self, data: Any):
        self._data = data

    def base_dist(self) -> Any:
        return jax.random.wrap_key_data(self._data)


def flow_call(function: str) -> Callable[..., Any]:
    """Return the bridge's method; its first argument is a `Setting`."""
    owner, _, method = function.partition(".")

    def call(setting: Setting, /, *args: Any, **kwargs: Any) -> Any:
        called: Any = setting.field
        if owner != "Transformer":
            called = StructuredCNF(setting.field, setting.rngs)
        if owner == "SFMPE":
            called = SFMPE(called, setting.rngs)
        return _filled_up(getattr(called, method), args, kwargs)

    return call


def _filled_up(
    method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a method for more draws than recorded, if their noise is given.

    Draws are independent, so additional ones do not change the others, and
    calls for different numbers of draws share a compilation.
    """
    given = inspect.signature(method).bind(*args, **kwargs).arguments
    theta_0 = given.get("theta_0")
    numbers = [name for name in ("sample_size", "n_samples") if name in given]
    if theta_0 is None or not numbers or len(theta_0) != given[numbers[0]]:
        return method(*args, **kwargs)
    n = len(theta_0)
    more = jnp.repeat(theta_0[:1], max(_FULL - n, 0), 0)
    given["theta_0"] = jnp.concatenate([theta_0, more])
    given[numbers[0]] = n + len(more)
    result = method(**given)
    if isinstance(result, dict):
        # jax.tree.map would sort the keys.
        return {name: leaf[:n] for name, leaf in result.items()}
    return result[:n]


def network_of(tree: Mapping[str, Any]) -> Transformer:
    """Return the bridge's network with the weights of a legacy one."""
    weights: dict[str, Any] = flatten_dict(dict(tree), sep="/")
    shapes = {path: np.shape(value) for path, value in weights.items()}
    n_encoder, latent_dim, n_heads, _ = shapes["encoder/attn/query/kernel"]
    n_labels, label_dim = shapes["embedding/embedding/embedding"]
    index_dim, n_frequencies = shapes["embedding/gf_embedding/b"]
    untrained = _untrained(
        *(shapes["linear/bias"][0], n_labels, index_dim),
        latent_dim=latent_dim,
        label_dim=label_dim,
        index_out_dim=2 * n_frequencies,
        n_encoder=n_encoder,
        n_decoder=shapes["decoder/norm/scale"][0],
        n_heads=n_heads,
        n_ff=shapes["encoder/ff/layers/linear/bias"][1],
    )
    network = nnx.clone(untrained)
    load_parameters(network, weights)
    return network


# Only shapes: initial weights would take seconds. Few sizes occur.
@cache
def _untrained(*dims: int, **sizes: int) -> Transformer:
    config = {**sizes, "dropout": 0.0, "activation": nnx.relu}
    network = nnx.eval_shape(
        lambda: Transformer(config, *dims, rngs=nnx.Rngs(0))
    )
    hold(network, nnx.Rngs(0))
    network.eval()
    return network
