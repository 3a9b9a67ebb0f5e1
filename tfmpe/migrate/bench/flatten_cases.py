"""From arrays to tokens: ``flatten_structured`` and ``from_pytree``."""

from typing import Any

import jax.numpy as jnp

from tfmpe.compat import flatten_structured
from tfmpe.preprocessing import Tokens

from .agreement import (
    check_same_leaves,
    check_same_tree,
    check_tokens_say,
    declared_masks,
)
from .cases import Call, case, jitted
from .legacy import Legacy
from .models import RULES, Size, seir

SITES = (1, 10, 50, 100, 200, 500)
MANY_SITES = (1_000, 10_000)


def value_bytes(size: Size) -> int:
    """Return the bytes of all values."""
    return 4 * size.n_samples * size.n_tokens


def check_flattened(side: str, result: Any, old: Any, size: Size) -> None:
    """Compare with Tokens, with a legacy dictionary, or not (a copy)."""
    if side == "floor":
        return
    if side == "bridge":
        check_same_leaves(old, result)
        return
    tokens = result[0] if type(result) is tuple else result
    if old is None:
        check_same_tree(seir(size).both, tokens.decode())
    else:
        check_tokens_say(old, tokens)


def _flatten(side: str, legacy: Legacy) -> Any:
    return flatten_structured if side == "bridge" else legacy.flatten_structured


@case(
    "flatten",
    "values and labels",
    sides=("old", "new", "bridge", "floor"),
    check=check_flattened,
    first_calls=True,
    n_samples=1_000,
    sites=SITES,
    further_sites=MANY_SITES,
    recorded=("flatten_structured",),
    old_needs=lambda size: 16 * value_bytes(size),
    new_needs=lambda size: 6 * value_bytes(size),
    floor="a plain copy of the tokens",
    moves=lambda size: 2 * value_bytes(size),
)
def _values(side: str, size: Size, legacy: Legacy) -> Call:
    model = seir(size)
    if side == "new":

        def new() -> Any:
            tokens = Tokens.from_pytree(model.both, {})
            return tokens, tokens.labels

        return Call(new)
    if side == "floor":
        flat = Tokens.from_pytree(model.both, {}).data
        return Call(lambda: jnp.array(flat, copy=True))
    flatten = _flatten(side, legacy)
    return Call(lambda: flatten(model.sides)[0])


def mask_bytes(size: Size) -> int:
    """Return the bytes that a legacy dictionary takes to make its masks."""
    return 3 * 4 * size.n_pairs


@case(
    "flatten-all",
    "with masks and functional inputs",
    sides=("old", "new", "bridge"),
    check=check_flattened,
    first_calls=True,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured", "_flatten_index"),
    old_needs=lambda size: 32 * value_bytes(size) + 4 * mask_bytes(size),
)
def _everything(side: str, size: Size, legacy: Legacy) -> Call:
    model = seir(size)
    if side == "new":

        def new() -> Any:
            tokens = Tokens.from_pytree(model.both, RULES, model.inputs)
            return tokens, tokens.labels, declared_masks(tokens)

        return Call(new)
    flatten = _flatten(side, legacy)
    return Call(
        lambda: flatten(model.sides, index=model.inputs, independence=RULES)[0]
    )


@case(
    "flatten-jit",
    "the same, compiled as a whole",
    sides=("old", "new"),
    check=check_flattened,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured", "_flatten_index"),
    mode="jitted",
    old_needs=lambda size: 32 * value_bytes(size) + 4 * mask_bytes(size),
)
def _compiled(side: str, size: Size, legacy: Legacy) -> Call:
    model = seir(size)
    if side == "new":
        return jitted(
            lambda model: Tokens.from_pytree(
                model.in_order.both, RULES, model.inputs
            ),
            model,
        )
    return jitted(
        lambda model: legacy.flatten_structured(
            model.in_order.sides, index=model.inputs, independence=RULES
        )[0],
        model,
    )
