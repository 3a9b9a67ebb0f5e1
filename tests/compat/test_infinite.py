"""Functional inputs of all tokens of a parameter tree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat.defects import ColumnsByPlaceWarning
from tfmpe.compat.infinite import index_theta

THETA = {"b": jnp.ones((4, 3, 2)), "a": np.ones((4, 2, 1), np.int32)}
TIMES = jnp.arange(12.0).reshape(4, 3, 1)
PLACES = jnp.array([[[7.0, 8.0]]])


@pytest.mark.parametrize("run", [lambda f: f, jax.jit])
def test_columns_in_the_order_of_mention(run):
    found = run(
        lambda theta: index_theta(
            theta, {"t": TIMES, "p": PLACES}, {"b": ["t", "p"], "a": ("p",)}
        )
    )(THETA)
    assert list(found) == ["a", "b"]
    assert found["a"].shape == (4, 2, 3)
    assert np.isnan(found["a"][..., 0]).all()
    assert (found["a"][..., 1:] == jnp.array([7.0, 8.0])).all()
    assert np.array_equal(found["b"][..., :1], TIMES)
    assert found["b"].dtype == jnp.float32


def test_without_inputs_there_is_nothing():
    assert index_theta(THETA, {"t": TIMES}, {})["b"].shape == (4, 3, 0)
    found = index_theta(THETA, {"t": TIMES}, {"other": ["t"]})
    assert np.isnan(found["b"]).all()
    assert found["b"].shape == (4, 3, 1)


def test_the_first_key_of_a_path_is_the_name():
    tree = {"a": {"x": jnp.ones((4, 3, 5)), "y": jnp.ones((4, 3, 1))}}
    found = index_theta(tree, {"t": TIMES}, {"a": ["t"]})
    assert np.array_equal(found["a"]["x"], found["a"]["y"])


SWAPPED = {"p": PLACES[..., :1], "t": TIMES}
MAP = {"a": ["t"], "b": ["t", "p"]}
LEAVES = {"a": jnp.ones((4, 3, 1)), "b": jnp.ones((4, 3, 1))}


def test_columns_are_found_by_place():
    """A different order of inputs exchanges their columns (L39)."""
    with pytest.warns(ColumnsByPlaceWarning, match="fix=\\['L39'\\]"):
        found = index_theta(LEAVES, SWAPPED, MAP)
    assert (found["b"][..., 0] == 7).all()
    assert np.array_equal(found["b"][..., 1:], TIMES)
    assert np.isnan(found["a"][..., 0]).all()


def test_l39_columns_are_found_by_name_with_the_fix():
    found = index_theta(LEAVES, SWAPPED, MAP, fix=["L39"])
    right = index_theta(LEAVES, {"t": TIMES, "p": PLACES[..., :1]}, MAP)
    assert jax.tree.all(
        jax.tree.map(lambda x, y: np.array_equal(x, y, True), found, right)
    )


def test_an_input_that_is_not_mentioned_shifts_the_columns():
    indices = {"q": TIMES, "t": TIMES}
    with pytest.raises(IndexError, match="fix=\\['L39'\\]"):
        index_theta(LEAVES, indices, {"a": ["t"]})
    found = index_theta(LEAVES, indices, {"a": ["t"]}, fix=["L39"])
    assert np.array_equal(found["a"], TIMES)
    # Nothing is looked up if no parameter has the input.
    index_theta(LEAVES, indices, {"other": ["t"]})


@pytest.mark.usefixtures("legacy_warnings_off")
@pytest.mark.parametrize(
    ("error", "theta", "indices", "index_map"),
    [
        (KeyError, LEAVES, {"t": TIMES}, {"a": ["missing"]}),
        (AttributeError, [LEAVES["a"]], {"t": TIMES}, {0: ["t"]}),
        (ValueError, LEAVES, {"t": TIMES[:2]}, {"a": ["t"]}),
        (ValueError, LEAVES, {"p": PLACES, "t": TIMES}, {"a": ["t", "p"]}),
    ],
)
def test_errors(error, theta, indices, index_map):
    with pytest.raises(error):
        index_theta(theta, indices, index_map)
