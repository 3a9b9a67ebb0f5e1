"""Bytes of joined data sets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import Tokens, concatenate_tokens
from tfmpe.migrate.bench.agreement import read_masks
from tfmpe.migrate.bench.data import RULES, Model, Size, as_tokens, events, seir
from tfmpe.migrate.bench.old_side import old_side
from tfmpe.migrate.bench.task import stored_bytes
from tfmpe.migrate.bench.token_tasks import flatten

OLD = old_side("oracle")
LEGACY_EXAMPLE = Size(50, 1_000)
ONE_SITE = Size(1, 1_000)
SMALL = Size(5, 20)


def _abstract(size):
    leaves = tuple(
        jax.ShapeDtypeStruct((size.n_samples, *event, 1), jnp.float32)
        for event in events(size).values()
    )
    return Model(leaves, leaves)


def _tokens(model):
    return Tokens.from_pytree(model.both, RULES, model.inputs)


def old_bytes(*sizes):
    """Return the size of the oracle's result without creating it."""
    flats = [
        jax.eval_shape(lambda model: flatten(OLD, model), _abstract(size))
        for size in sizes
    ]
    return stored_bytes(jax.eval_shape(OLD.combine_data, *flats))


def abstract_joined(*sizes):
    """Return joined Tokens whose arrays are only shapes."""
    tokens = [jax.eval_shape(_tokens, _abstract(size)) for size in sizes]
    return jax.eval_shape(concatenate_tokens, *tokens)


def new_bytes(joined):
    """Return the bytes of joined Tokens and the masks read from them."""
    masks = stored_bytes(read_masks(joined))
    return stored_bytes(joined) + masks + joined.layout.labels.nbytes


@pytest.mark.parametrize("sizes", [(SMALL, SMALL), (Size(1, 20), SMALL)])
def test_counted_bytes_are_those_of_the_arrays(sizes):
    flats = [flatten(OLD, seir(size)) for size in sizes]
    assert old_bytes(*sizes) == stored_bytes(OLD.combine_data(*flats))

    joined = concatenate_tokens(*map(as_tokens, sizes))
    assert new_bytes(abstract_joined(*sizes)) == new_bytes(joined)


@pytest.mark.parametrize("first", [LEGACY_EXAMPLE, ONE_SITE])
def test_joining_takes_a_hundredth_of_the_bytes(first):
    old = old_bytes(first, LEGACY_EXAMPLE)
    new = new_bytes(abstract_joined(first, LEGACY_EXAMPLE))

    assert old > 1e9
    assert new < 8e6
    assert old / new > 100


@pytest.mark.parametrize("first", [LEGACY_EXAMPLE, ONE_SITE])
def test_a_mask_takes_no_bytes_per_sample(first):
    once = abstract_joined(first, LEGACY_EXAMPLE)
    n_tokens = LEGACY_EXAMPLE.n_tokens

    # Values, functional inputs and, if sizes differ, the padding mask.
    per_token = 4 + 4 + (first != LEGACY_EXAMPLE)
    assert stored_bytes(once) == 2_000 * n_tokens * per_token
    assert once.self_attention_mask.shape == (n_tokens, n_tokens)
    assert once.self_attention_mask.dtype == bool
    assert once.labels.strides[0] == 0


def test_repeated_rows_are_counted_once():
    row = np.zeros((1, 3), np.float32)

    assert stored_bytes(row) == 12
    assert stored_bytes(np.broadcast_to(row, (100, 3))) == 12
    assert stored_bytes(np.zeros((0, 3), np.float32)) == 0
    assert stored_bytes({"n": 1, "a": np.zeros(5, bool)}) == 5
