"""Joined data sets: bytes, counted and not timed."""

import jax
import numpy as np
import pytest

from tfmpe import Tokens, concatenate_tokens
from tfmpe.migrate import oracle
from tfmpe.migrate.bench.agreement import declared_masks
from tfmpe.migrate.bench.counting import stored_bytes
from tfmpe.migrate.bench.join_cases import (
    as_tokens,
    join_with_masks,
    legacy_flat,
)
from tfmpe.migrate.bench.models import RULES, Size, abstract_seir

LEGACY_EXAMPLE = Size(50, 1_000)
SMALL = Size(5, 20)


def _abstract_flat(size):
    # Closing over the sizes: transformations would sort the keys.
    model = abstract_seir(size)
    return jax.eval_shape(
        lambda given: oracle.flatten_structured(
            given.in_order.sides, index=given.inputs, independence=RULES
        )[0],
        model,
    )


def _abstract_tokens(size):
    return jax.eval_shape(
        lambda given: Tokens.from_pytree(
            given.in_order.both, RULES, given.inputs
        ),
        abstract_seir(size),
    )


def old_bytes(*sizes):
    """Return what the oracle's result would hold, without making it."""
    return stored_bytes(
        jax.eval_shape(oracle.combine_data, *map(_abstract_flat, sizes))
    )


def new_bytes(*sizes):
    """Return the same of the joined Tokens and the masks read from them."""
    joined = jax.eval_shape(concatenate_tokens, *map(_abstract_tokens, sizes))
    return (
        stored_bytes(joined)
        + stored_bytes(declared_masks(joined))
        + joined.layout.labels.nbytes
    )


@pytest.mark.parametrize("sizes", [(SMALL, SMALL), (Size(1, 20), SMALL)])
def test_counted_bytes_are_those_of_the_arrays(sizes):
    flats = [
        legacy_flat(oracle.flatten_structured, size, seed)
        for seed, size in enumerate(sizes)
    ]
    tokens = [as_tokens(size, seed) for seed, size in enumerate(sizes)]

    assert old_bytes(*sizes) == stored_bytes(oracle.combine_data(*flats))
    assert new_bytes(*sizes) == stored_bytes(join_with_masks(*tokens))


@pytest.mark.parametrize("first", [LEGACY_EXAMPLE, Size(1, 1_000)])
def test_joining_takes_a_hundredth_of_the_bytes(first):
    old = old_bytes(first, LEGACY_EXAMPLE)
    new = new_bytes(first, LEGACY_EXAMPLE)

    assert old > 1e9
    assert new < 8e6
    assert old / new > 100


@pytest.mark.parametrize("first", [LEGACY_EXAMPLE, Size(1, 1_000)])
def test_a_mask_takes_no_bytes_per_sample(first):
    once = jax.eval_shape(
        concatenate_tokens,
        *map(_abstract_tokens, (first, LEGACY_EXAMPLE)),
    )
    n_tokens = LEGACY_EXAMPLE.n_tokens

    # Values, functional inputs and, where sizes differ, which are real.
    per_token = 4 + 4 + (first != LEGACY_EXAMPLE)
    assert stored_bytes(once) == 2_000 * n_tokens * per_token
    assert once.self_attention_mask.shape == (n_tokens, n_tokens)
    assert once.self_attention_mask.dtype == bool
    assert once.labels.strides[0] == 0


def test_masks_of_more_samples_hold_the_same_bytes():
    few, many = (
        declared_masks(concatenate_tokens(as_tokens(size, 0), tokens))
        for size, tokens in (
            (Size(5, 2), as_tokens(SMALL, 1)),
            (Size(5, 40), as_tokens(SMALL, 1)),
        )
    )

    assert stored_bytes(few) == stored_bytes(many)


def test_repeated_rows_are_counted_once():
    row = np.zeros((1, 3), np.float32)

    assert stored_bytes(row) == 12
    assert stored_bytes(np.broadcast_to(row, (100, 3))) == 12
    assert stored_bytes(np.zeros((0, 3), np.float32)) == 0
    assert stored_bytes({"n": 1, "a": np.zeros(5, bool)}) == 5
