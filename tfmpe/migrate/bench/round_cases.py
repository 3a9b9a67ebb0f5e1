"""The data of one round of bottom-up training, without its networks.

Simulations with one site are laid out with the sides exchanged, and split for
the first training; simulations with all sites are laid out, joined to those,
and split and shuffled for the second. A legacy script calls
``flatten_structured`` three times; Tokens are built twice and looked at.
"""

from typing import Any

import jax

from tfmpe import compat
from tfmpe.preprocessing import Tokens, concatenate_tokens

from .agreement import (
    check_real_tokens_say,
    check_same_leaves,
    declared_masks,
)
from .cases import Call, case
from .join_cases import legacy_bytes
from .legacy import Legacy
from .models import RULES, Model, Size, seir
from .view_agreement import check_arrays_same
from .view_cases import exchange_sides

SHARE = 0.8
KEY = 0


def _legacy_round(side: Any, one: Model, full: Model, n: int) -> Any:
    """Return both stages' training and validation data, the legacy way."""
    key = jax.random.key(KEY)

    def flatten(data: Any, inputs: Any) -> Any:
        return side.flatten_structured(data, index=inputs, independence=RULES)[
            0
        ]

    swapped = flatten(one.swapped, one.inputs)
    first = side.combine_data(swapped, swapped)
    upright = flatten(one.sides, one.inputs)
    second = side.combine_data(upright, flatten(full.sides, full.inputs))
    return tuple(
        side.split_data(data, 2 * n, SHARE, key) for data in (first, second)
    )


def _round(one: Model, full: Model, n: int) -> Any:
    """Return the same as Tokens, with all that a legacy result holds."""
    key = jax.random.key(KEY)
    inside = Tokens.from_pytree(one.both, RULES, one.inputs)
    first = concatenate_tokens(inside, inside)
    whole = Tokens.from_pytree(full.both, RULES, full.inputs)
    second = concatenate_tokens(inside, whole)
    stages = tuple(_split(tokens, 2 * n, key) for tokens in (first, second))
    exchange = exchange_sides(first)
    return stages, exchange[2], declared_masks(second)


def _split(tokens: Tokens, n: int, key: Any) -> tuple[Tokens, Tokens]:
    rows = jax.random.permutation(key, n)
    cut = int(n * SHARE)
    return tuple(
        jax.tree.map(lambda leaf, part=part: leaf[part], tokens)
        for part in (rows[:cut], rows[cut:])
    )


def _check(side: str, result: Any, old: Any, size: Size) -> None:
    if side == "bridge":
        check_same_leaves(old, result)
        return
    stages, _, _ = result
    for flat, tokens in zip(old[0], stages[0], strict=True):
        check_arrays_same(flat, _arrays(tokens))
    for flat, tokens in zip(old[1], stages[1], strict=True):
        check_real_tokens_say(flat, tokens)


def _arrays(tokens: Tokens) -> Any:
    return exchange_sides(tokens)


@case(
    "round",
    "the data of a bottom-up round: with one site, with all",
    sides=("old", "new", "bridge"),
    check=_check,
    slow=True,
    n_samples=1_000,
    sites=(1, 10, 20, 50, 100),
    recorded=("flatten_structured", "combine_data", "split_data"),
    old_needs=lambda size: 9 * legacy_bytes(size),
)
def _bottom_up(side: str, size: Size, legacy: Legacy) -> Call:
    one, full = seir(size._replace(n_sites=1), 1), seir(size)
    if side == "new":
        return Call(lambda: _round(one, full, size.n_samples))
    functions = compat if side == "bridge" else legacy
    return Call(lambda: _legacy_round(functions, one, full, size.n_samples))
