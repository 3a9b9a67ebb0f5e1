"""Minibatches of samples, and splits in two parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from comparisons import assert_same
from tfmpe import Tokens, minibatches, train_validation_split


@pytest.fixture
def tokens():
    """Return ten samples identified by values, inputs and padding."""
    numbers = np.arange(10, dtype="float32").reshape(10, 1, 1)
    return Tokens.from_pytree(
        {"mu": numbers, "obs": np.repeat(numbers, 3, 1)},
        {"local": ["obs"]},
        functional_inputs={"obs": np.repeat(10 * numbers, 3, 1)},
        event_shapes={"obs": np.arange(10).reshape(10, 1) % 3 + 1},
    )


def numbers_of(part):
    """Identify samples by their values; check that the rest belongs to them."""
    numbers = np.asarray(part.data[..., 0, 0])
    np.testing.assert_array_equal(
        part.functional_inputs[..., -1, 0], 10 * numbers
    )
    np.testing.assert_array_equal(
        part.padding_mask.sum(-1), 1 + numbers % 3 + 1
    )
    return numbers


def test_in_order(tokens):
    batches = minibatches(tokens, 4)
    assert batches.layout is tokens.layout
    assert numbers_of(batches).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_shuffled(tokens):
    numbers = [
        numbers_of(minibatches(tokens, 5, jax.random.key(seed)))
        for seed in range(2)
    ]
    for each in numbers:
        assert sorted(each.ravel()) == list(range(10))
    assert not np.array_equal(*numbers)


def test_what_is_left_out_changes_with_the_key(tokens):
    seen = set()
    for seed in range(20):
        kept = numbers_of(minibatches(tokens, 9, jax.random.key(seed)))
        seen |= set(range(10)) - set(kept.ravel())
    assert len(seen) > 3


def test_as_xs_of_a_scan(tokens):
    """An epoch is shuffled inside a compiled loop over epochs."""
    traces = []

    @jax.jit
    def train(key, tokens):
        def step(total, batch):
            traces.append(batch.sample_shape)
            return total + batch.data[:, 0, 0].sum(), batch.data[:, 0, 0]

        def epoch(total, key):
            return jax.lax.scan(step, total, minibatches(tokens, 5, key))

        return jax.lax.scan(epoch, 0.0, jax.random.split(key, 3))

    total, seen = train(jax.random.key(0), tokens)
    assert total == 3 * 45
    assert seen.shape == (3, 2, 5)
    assert traces == [(5,)]
    assert len({tuple(epoch.ravel().tolist()) for epoch in seen}) == 3


def test_under_vmap(tokens):
    keys = jax.random.split(jax.random.key(0), 3)
    found = jax.vmap(lambda key: minibatches(tokens, 5, key))(keys)
    for i, key in enumerate(keys):
        np.testing.assert_array_equal(
            found.data[i], minibatches(tokens, 5, key).data
        )


def test_of_a_view(tokens):
    batches = minibatches(tokens.select_tokens(["obs"]), 5)
    assert batches.sample_shape == (2, 5)
    assert batches.selected_keys == ("obs",)


def test_several_sample_axes():
    tokens = Tokens.from_pytree(
        {"mu": jnp.arange(12.0).reshape(4, 3, 1)}, {}, sample_ndims=2
    )
    assert minibatches(tokens, 2).sample_shape == (2, 2, 3)


@pytest.mark.parametrize("key", [None, 3])
@pytest.mark.parametrize(
    ("fraction", "n_train"), [(0.8, 8), (0.5, 5), (0.15, 2), (0.99, 10 - 1)]
)
def test_every_sample_is_in_one_part(tokens, fraction, n_train, key):
    if fraction == 0.99:
        with pytest.raises(ValueError, match="leaves 10 to train on and 0"):
            train_validation_split(tokens, fraction)
        fraction = 0.9
    key = None if key is None else jax.random.key(key)
    parts = train_validation_split(tokens, fraction, key)
    numbers = [numbers_of(part) for part in parts]
    assert len(numbers[0]) == n_train
    together = np.concatenate(numbers)
    assert sorted(together) == list(range(10))
    assert (together.tolist() == list(range(10))) == (key is None)


def test_split_under_jit(tokens):
    key = jax.random.key(1)
    found = jax.jit(train_validation_split, static_argnums=1)(tokens, 0.7, key)
    wanted = train_validation_split(tokens, 0.7, key)
    assert_same(found, wanted)


@pytest.mark.parametrize("size", [0, 11, -1])
def test_sizes_that_do_not_fit(tokens, size):
    with pytest.raises(ValueError, match="minibatches of") as error:
        minibatches(tokens, size)
    assert str(error.value) == (
        f"Cannot cut 10 samples into minibatches of {size}. "
        "Use a size from 1 to the number of samples."
    )


def test_no_sample_axis():
    tokens = Tokens.from_pytree({"mu": np.zeros((1, 1))}, {}, sample_ndims=0)
    for call in (minibatches, train_validation_split):
        with pytest.raises(ValueError, match="no sample axis"):
            call(tokens, 1)
