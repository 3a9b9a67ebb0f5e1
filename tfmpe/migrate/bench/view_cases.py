"""Views of some keys, with all their properties read.

Where the core looks at the same tokens in another way, a legacy script calls
``flatten_structured`` once more, with the sides exchanged or fewer keys. That
call is the old side.
"""

from functools import partial
from typing import Any

from tfmpe import compat
from tfmpe.preprocessing import Tokens

from .cases import Call, case, jitted
from .flatten_cases import SITES, mask_bytes, value_bytes
from .join_cases import as_tokens
from .legacy import Legacy
from .models import RULES, THETA_KEYS, Y_KEYS, Size, seir
from .view_agreement import (
    check_arrays_same,
    check_chosen_same,
    check_exchanged_same,
)

CHOSEN = ("A", "phi")


def read_all(view: Any) -> dict[str, Any]:
    """Read every property of a view."""
    return {
        "data": view.data,
        "labels": view.labels,
        "self": view.self_attention_mask,
        "padding": view.padding_mask,
        "inputs": view.functional_inputs,
        "slices": view.slices,
    }


def exchange_sides(tokens: Tokens) -> tuple[Any, Any, Any]:
    """Read the observations as targets and the parameters as conditions."""
    targets = read_all(tokens.select_tokens(Y_KEYS))
    conditions = read_all(tokens.select_tokens(THETA_KEYS))
    cross = tokens.cross_attention_mask(Y_KEYS, THETA_KEYS)
    return targets, conditions, cross


def _slices_of(tokens: Tokens, number: int) -> Call:
    n_taken = max(1, tokens.n_tokens // 2)
    return Call(
        lambda: [tokens.data[:, i : n_taken + i] for i in range(number)]
    )


def _check(compare: Any, side: str, result: Any, old: Any, size: Size) -> None:
    # Slices say nothing that could be compared.
    if side != "floor":
        compare(old, result)


def _needs(size: Size) -> int:
    return 32 * value_bytes(size) + 4 * mask_bytes(size)


def _flatten(side: str, legacy: Legacy) -> Any:
    if side == "bridge":
        return compat.flatten_structured
    return legacy.flatten_structured


@case(
    "exchange",
    "views with the sides exchanged",
    sides=("old", "new", "bridge", "floor"),
    check=partial(_check, check_exchanged_same),
    first_calls=True,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured",),
    old_needs=_needs,
    floor="twenty jnp slices",
)
def _exchanged(side: str, size: Size, legacy: Legacy) -> Call:
    model = seir(size)
    if side == "new":
        tokens = as_tokens(size, 0)
        return Call(lambda: exchange_sides(tokens))
    if side == "floor":
        return _slices_of(as_tokens(size, 0), 20)
    flatten = _flatten(side, legacy)
    return Call(
        lambda: flatten(model.swapped, index=model.inputs, independence=RULES)
    )


@case(
    "view",
    "a view of two keys",
    sides=("old", "new", "bridge", "floor"),
    check=partial(_check, check_chosen_same),
    first_calls=True,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured",),
    old_needs=_needs,
    floor="ten jnp slices",
)
def _chosen(side: str, size: Size, legacy: Legacy) -> Call:
    model = seir(size)
    if side == "new":
        tokens = as_tokens(size, 0)
        return Call(lambda: read_all(tokens.select_tokens(CHOSEN)))
    if side == "floor":
        return _slices_of(as_tokens(size, 0), 10)
    flatten = _flatten(side, legacy)
    # A legacy call has two sides.
    data = {"theta": {key: model.theta[key] for key in CHOSEN}, "y": model.y}
    return Call(lambda: flatten(data, index=model.inputs, independence=RULES))


def _exchanged_arrays(tokens: Tokens) -> tuple[Any, Any, Any]:
    """Leave out what a legacy result does not have: labels per sample."""
    targets, conditions, cross = exchange_sides(tokens)
    for view in (targets, conditions):
        del view["slices"], view["padding"]
        view["labels"] = view["labels"][:1]
    return targets, conditions, cross


@case(
    "exchange-jit",
    "the same, compiled as a whole",
    sides=("old", "new"),
    check=partial(_check, check_arrays_same),
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured",),
    mode="jitted",
    old_needs=_needs,
)
def _exchanged_compiled(side: str, size: Size, legacy: Legacy) -> Call:
    if side == "new":
        return jitted(_exchanged_arrays, as_tokens(size, 0))
    return jitted(
        lambda model: legacy.flatten_structured(
            model.in_order.swapped, index=model.inputs, independence=RULES
        )[0],
        seir(size),
    )
