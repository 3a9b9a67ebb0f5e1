"""Weights of networks: reading and replacing them (extra `flow`)."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from .compare import Comparison, Tolerance, compare

_NEAR = Tolerance(1e-6, 1e-5, "the same draw, scaled in another order")


def value_of(variable: Any) -> Any:
    """Return the value of a Flax variable, for every Flax version."""
    if hasattr(variable, "get_value"):
        return variable.get_value()
    return getattr(variable, "value", variable)


def weights_of(module: Any) -> dict[str, Any]:
    """Return the weights of a network by path, sorted."""
    found = nnx.to_pure_dict(nnx.state(module, nnx.Param))
    leaves = jax.tree_util.tree_leaves_with_path(found)
    return dict(sorted((_name(path), leaf) for path, leaf in leaves))


def begin_with(
    module: Any, recorded: Mapping[str, Any], name: str
) -> Comparison:
    """Compare the initial weights of a network, and load the recorded ones."""
    recorded = dict(sorted(recorded.items()))
    path = f"first weights of {name}"
    found = compare(recorded, weights_of(module), path, _NEAR)
    if {each.kind for each in found.differences} == {"values"}:
        state = nnx.state(module, nnx.Param)
        new = jax.tree_util.tree_map_with_path(
            lambda path, _: jnp.asarray(recorded[_name(path)]),
            nnx.to_pure_dict(state),
        )
        nnx.replace_by_pure_dict(state, new)
        nnx.update(module, state)
    return found


def held_by(holder: Any) -> Any:
    """Return the state of an object: weights, stream counts, or fields."""
    if isinstance(holder, nnx.Rngs):
        streams = sorted(holder)
        counts = {name: int(value_of(holder[name].count)) for name in streams}
        return {"counts": counts}
    if isinstance(holder, nnx.Module):
        return {"params": weights_of(holder)}
    if hasattr(holder, "model"):
        return held_by(holder.model)
    if hasattr(holder, "__dataclass_fields__"):
        return fields_of(holder)
    return holder


def fields_of(holder: Any) -> dict[str, Any]:
    """Return the fields of a dataclass unchanged."""
    return {name: getattr(holder, name) for name in holder.__dataclass_fields__}


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(str(entry.key) for entry in path)
