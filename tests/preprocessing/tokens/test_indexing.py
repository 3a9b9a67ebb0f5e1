"""Tokens by simulation: integers, slices, arrays; length and iteration."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import Tokens, UnknownKeyError


@pytest.fixture(scope="module")
def tokens():
    values = np.arange(12.0, dtype=np.float32).reshape(4, 3, 1)
    times = np.arange(12.0, dtype=np.float32).reshape(4, 3, 1)
    return Tokens.from_pytree(
        {"obs": values},
        {"local": ["obs"]},
        {"obs": times},
        event_shapes={"obs": np.array([[3], [2], [3], [1]])},
    )


@pytest.mark.parametrize(
    "rows",
    [
        2,
        np.int64(-1),
        slice(1, 3),
        slice(None, None, -2),
        [3, 0],
        [],
        np.array([1]),
        np.array([True, False, True, False]),
    ],
)
def test_index_applies_to_every_leaf(tokens, rows):
    found = tokens[rows]
    assert found.layout is tokens.layout
    for leaf, whole in zip(
        jax.tree.leaves(found), jax.tree.leaves(tokens), strict=True
    ):
        np.testing.assert_array_equal(
            leaf,
            np.asarray(whole)[rows or slice(0)]
            if isinstance(rows, list)
            else np.asarray(whole)[rows],
        )


def test_index_under_jit(tokens):
    found = jax.jit(lambda tokens, i: tokens[i].data)(tokens, jnp.array(1))
    np.testing.assert_array_equal(found, tokens[1].data)


def test_length_and_iteration(tokens):
    assert len(tokens) == 4
    assert [float(each.data[0, 0]) for each in tokens] == [0, 3, 6, 9]
    assert len(tokens[:0]) == 0
    assert tokens[:0]


@pytest.mark.parametrize("index", [4, -5])
def test_index_out_of_range(tokens, index):
    with pytest.raises(IndexError, match=f"no simulation {index}.*have 4"):
        tokens[index]


def test_no_sample_axis(tokens):
    with pytest.raises(TypeError, match="no length"):
        len(tokens[0])


def test_keys(tokens):
    np.testing.assert_array_equal(tokens["obs"], tokens.decode()["obs"])
    assert tokens[0]["obs"].shape == (3, 1)
    assert "obs" in tokens
    assert "mu" not in tokens
    with pytest.raises(UnknownKeyError, match="'mu' not found"):
        tokens["mu"]


def test_as_a_dictionary_or_an_array(tokens):
    assert tokens.keys() == ("obs",)
    np.testing.assert_array_equal(dict(tokens)["obs"], tokens["obs"])
    with pytest.raises(TypeError) as caught:
        np.asarray(tokens, float)
    assert str(caught.value) == (
        "Tokens of ['obs'] are not one array. Use tokens[name] for the values "
        "of a key, or tokens.data for all."
    )
