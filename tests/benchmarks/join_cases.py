"""Joining two data sets, and shuffling what was joined.

The legacy scheme holds the masks once per sample: 1 GB for two times 1,000
simulations of 50 sites.
"""

import jax
import jax.numpy as jnp
import numpy as np

import reference
from benchmarks.agreement import (
    assert_real_tokens_say,
    assert_same_leaves,
    assert_tokens_say,
    declared_masks,
)
from benchmarks.cases import Call, case, jitted
from benchmarks.models import RULES, Size, seir
from tfmpe import Tokens, compat, concatenate_tokens

GIGABYTE = 10**9
WHOLE = Size(50, 1_000)
COMPILED = Size(50, 100)


def legacy_flat(flatten, size, seed):
    """Return one data set in the legacy form."""
    model = seir(size, seed)
    return flatten(model.sides, index=model.inputs, independence=RULES)[0]


def as_tokens(size, seed):
    """Return the same data set as Tokens."""
    model = seir(size, seed)
    return Tokens.from_pytree(model.both, RULES, model.inputs)


def _operands(side, sizes):
    if side == "new":
        return [as_tokens(size, seed) for seed, size in enumerate(sizes)]
    flatten = reference.flatten_structured
    if side == "bridge":
        flatten = compat.flatten_structured
    return [legacy_flat(flatten, size, i) for i, size in enumerate(sizes)]


def join_with_masks(one, two):
    """Join, and read all that the legacy result holds."""
    joined = concatenate_tokens(one, two)
    return joined, joined.labels, declared_masks(joined)


JOIN = {
    "old": reference.combine_data,
    "new": join_with_masks,
    "bridge": compat.combine_data,
}


def _joining(*sizes):
    def prepare(side, small):
        taken = [size.shrunk() if small else size for size in sizes]
        one, two = jax.block_until_ready(_operands(side, taken))
        return Call(lambda: JOIN[side](one, two))

    return prepare


def _say_the_same(old, new):
    if isinstance(new, dict):
        assert_same_leaves(old, new)
    else:
        assert_tokens_say(old, new[0])


def _real_say_the_same(old, new):
    if isinstance(new, dict):
        assert_same_leaves(old, new)
    else:
        assert_real_tokens_say(old, new[0])


case(
    "join 2 x 1,000, 50 sites",
    ("old", "new", "bridge"),
    _say_the_same,
    needs=7 * GIGABYTE,
)(_joining(WHOLE, WHOLE))

case(
    "join 2 x 200, 1 site and 50",
    ("old", "new", "bridge"),
    _real_say_the_same,
)(_joining(Size(1, 200), Size(50, 200)))


@case(
    "join 2 x 100, 50 sites, jitted",
    ("old", "new"),
    assert_tokens_say,
    mode="jitted",
)
def _compiled(side, small):
    size = COMPILED.shrunk() if small else COMPILED
    one, two = _operands(side, [size, size])
    join = concatenate_tokens if side == "new" else reference.combine_data
    return jitted(join, one, two)


@case(
    "join 2 x 100, 1 site and 50, jit.",
    ("old", "new"),
    assert_real_tokens_say,
    mode="jitted",
)
def _compiled_of_two_sizes(side, small):
    sizes = [Size(1, 100), COMPILED]
    if small:
        sizes = [size.shrunk() for size in sizes]
    one, two = _operands(side, sizes)
    join = concatenate_tokens if side == "new" else reference.combine_data
    return jitted(join, one, two)


def _epoch(side, size):
    """Return what training holds, and the order of one epoch."""
    one, two = _operands(side, [size, size])
    join = concatenate_tokens if side == "new" else reference.combine_data
    rows = np.random.default_rng(0).permutation(2 * size.n_samples)
    return jax.block_until_ready(join(one, two)), jnp.asarray(rows)


def _shuffle(data, rows):
    return jax.tree.map(lambda leaf: leaf[rows], data)


@case(
    "shuffle 2 x 1,000, 50 sites",
    ("old", "new"),
    assert_tokens_say,
    needs=6 * GIGABYTE,
)
def _shuffling(side, small):
    data, rows = _epoch(side, WHOLE.shrunk() if small else WHOLE)
    return Call(lambda: _shuffle(data, rows))


@case(
    "shuffle 2 x 100, 50 sites, jitted",
    ("old", "new"),
    assert_tokens_say,
    mode="jitted",
)
def _shuffling_compiled(side, small):
    size = COMPILED.shrunk() if small else COMPILED
    return jitted(_shuffle, *_epoch(side, size))
