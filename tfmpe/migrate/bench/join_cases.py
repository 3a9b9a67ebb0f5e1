"""Joining two data sets, and shuffling what was joined.

The legacy scheme holds the masks once per sample: 1 GB for two times 1,000
simulations of 50 sites.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe import compat
from tfmpe.preprocessing import Tokens, concatenate_tokens

from .agreement import (
    check_equal,
    check_real_tokens_say,
    check_same_leaves,
    check_tokens_say,
    declared_masks,
)
from .cases import Call, case, jitted
from .legacy import Legacy
from .models import RULES, Size, seir

SITES = (1, 10, 20, 50, 100, 200)


def legacy_flat(flatten: Any, size: Size, seed: int) -> dict[str, Any]:
    """Return one data set in the legacy form."""
    model = seir(size, seed)
    return flatten(model.sides, index=model.inputs, independence=RULES)[0]


def as_tokens(size: Size, seed: int) -> Tokens:
    """Return the same data set as Tokens."""
    model = seir(size, seed)
    return Tokens.from_pytree(model.both, RULES, model.inputs)


def legacy_bytes(size: Size) -> int:
    """Return the bytes of two data sets joined in the legacy way."""
    per_sample = 4 * size.n_pairs + 13 * size.n_tokens
    return 2 * size.n_samples * per_sample


def joined_bytes(size: Size) -> int:
    """Return the bytes that have to be read and written to join."""
    return 2 * 2 * 2 * 4 * size.n_samples * size.n_tokens


def join_with_masks(one: Tokens, two: Tokens) -> Any:
    """Join, and read all that the legacy result holds."""
    joined = concatenate_tokens(one, two)
    return joined, joined.labels, declared_masks(joined)


def _operands(side: str, sizes: list[Size], legacy: Legacy) -> list[Any]:
    if side == "new":
        made = [as_tokens(size, seed) for seed, size in enumerate(sizes)]
    else:
        flatten = legacy.flatten_structured
        if side == "bridge":
            flatten = compat.flatten_structured
        made = [legacy_flat(flatten, size, i) for i, size in enumerate(sizes)]
    return jax.block_until_ready(made)


def _join(side: str, legacy: Legacy) -> Any:
    if side == "new":
        return concatenate_tokens
    return compat.combine_data if side == "bridge" else legacy.combine_data


def _check(side: str, result: Any, old: Any, size: Size) -> None:
    if isinstance(result, dict):
        check_same_leaves(old, result)
        return
    tokens = result[0] if type(result) is tuple else result
    check_tokens_say(old, tokens)


def _check_real(side: str, result: Any, old: Any, size: Size) -> None:
    if isinstance(result, dict):
        check_same_leaves(old, result)
        return
    tokens = result[0] if type(result) is tuple else result
    check_real_tokens_say(old, tokens)


def _with_one_site(size: Size) -> list[Size]:
    return [size._replace(n_sites=1), size]


def _equal(size: Size) -> list[Size]:
    return [size, size]


def _eager(sizes: Any, side: str, size: Size, legacy: Legacy) -> Call:
    one, two = _operands(side, sizes(size), legacy)
    join = join_with_masks if side == "new" else _join(side, legacy)
    return Call(lambda: join(one, two))


def _compiled(sizes: Any, side: str, size: Size, legacy: Legacy) -> Call:
    return jitted(_join(side, legacy), *_operands(side, sizes(size), legacy))


case(
    "join",
    "two data sets, with masks and functional inputs",
    sides=("old", "new", "bridge"),
    check=_check,
    first_calls=True,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured", "combine_data"),
    old_needs=lambda size: 7 * legacy_bytes(size),
    moves=joined_bytes,
)(partial(_eager, _equal))

case(
    "join-ragged",
    "one data set with one site, one with all",
    sides=("old", "new", "bridge"),
    check=_check_real,
    n_samples=200,
    sites=SITES,
    recorded=("flatten_structured", "combine_data"),
    old_needs=lambda size: 7 * legacy_bytes(size),
)(partial(_eager, _with_one_site))

case(
    "join-jit",
    "two data sets, compiled as a whole",
    sides=("old", "new"),
    check=_check,
    n_samples=100,
    sites=SITES,
    recorded=("flatten_structured", "combine_data"),
    mode="jitted",
    old_needs=lambda size: 3 * legacy_bytes(size),
)(partial(_compiled, _equal))

case(
    "join-ragged-jit",
    "one with one site, one with all, compiled as a whole",
    sides=("old", "new"),
    check=_check_real,
    n_samples=100,
    sites=SITES,
    recorded=("flatten_structured", "combine_data"),
    mode="jitted",
    old_needs=lambda size: 3 * legacy_bytes(size),
)(partial(_compiled, _with_one_site))


def _epoch(side: str, size: Size, legacy: Legacy) -> tuple[Any, Any]:
    """Return what training holds, and the order of one epoch."""
    one, two = _operands(side, [size, size], legacy)
    rows = np.random.default_rng(0).permutation(2 * size.n_samples)
    joined = jax.block_until_ready(_join(side, legacy)(one, two))
    return joined, jnp.asarray(rows)


def _shuffle(data: Any, rows: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], data)


def _check_shuffled(side: str, result: Any, old: Any, size: Size) -> None:
    if old is not None:
        check_tokens_say(old, result)
        return
    rows = np.random.default_rng(0).permutation(2 * size.n_samples)
    halves = [np.asarray(as_tokens(size, seed).data) for seed in (0, 1)]
    check_equal(np.concatenate(halves)[rows], result.data, "data")


@case(
    "shuffle",
    "an epoch of two joined data sets",
    sides=("old", "new"),
    check=_check_shuffled,
    n_samples=1_000,
    sites=SITES,
    further_sites=(1_000,),
    recorded=("flatten_structured", "combine_data"),
    old_needs=lambda size: 6 * legacy_bytes(size),
    new_needs=lambda size: 4 * joined_bytes(size),
    moves=joined_bytes,
)
def _shuffling(side: str, size: Size, legacy: Legacy) -> Call:
    data, rows = _epoch(side, size, legacy)
    return Call(lambda: _shuffle(data, rows))


@case(
    "shuffle-jit",
    "the same, compiled as a whole",
    sides=("old", "new"),
    check=_check_shuffled,
    n_samples=100,
    sites=SITES,
    further_sites=(1_000, 10_000),
    recorded=("flatten_structured", "combine_data"),
    mode="jitted",
    old_needs=lambda size: 4 * legacy_bytes(size),
    new_needs=lambda size: 4 * joined_bytes(size),
)
def _shuffling_compiled(side: str, size: Size, legacy: Legacy) -> Call:
    return jitted(_shuffle, *_epoch(side, size, legacy))
