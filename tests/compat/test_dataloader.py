"""Arithmetic of shapes and the private parts of the legacy data loader."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refusals import refused
from strategies import LAYOUTS
from tfmpe.compat.util import dataloader

SLICES = {
    "b": {"offset": 0, "event_shape": (2,), "batch_shape": (1,)},
    "a": {"offset": 2, "event_shape": (3, 2), "batch_shape": (2,)},
    "c": {"offset": 8, "event_shape": (), "batch_shape": (3,)},
}


@given(st.lists(st.integers(-5, 5)))
def test_products_and_running_sums(xs):
    assert dataloader.prod(xs) == math.prod(xs)
    assert dataloader.cumsum(xs) == list(itertools.accumulate(xs))
    assert dataloader.cumsum(iter(xs)) == dataloader.cumsum(tuple(xs))


def test_types_of_the_entries_stay():
    assert type(dataloader.prod((2.5, 4))) is float
    assert dataloader.prod(np.ones(2, np.float32)).dtype == np.float32
    assert dataloader.cumsum(np.array([1, 2], np.int32))[1].dtype == np.int32
    assert jax.jit(dataloader.prod)(jnp.array([2.0, 3.0])) == 6
    sums = jax.jit(dataloader.cumsum)(jnp.arange(3))
    assert [int(x) for x in sums] == [0, 1, 3]
    with pytest.raises(TypeError):
        dataloader.prod("ab")


@given(LAYOUTS.filter(bool), st.data())
def test_tokens_along_an_axis(shape, data):
    """Every token occurs once, at the position with its coordinate."""
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    found = dataloader.event_indices(shape, dim)
    assert len(found) == shape[dim]
    assert sorted(np.concatenate([[], *found])) == list(range(math.prod(shape)))
    for place, tokens in enumerate(found):
        assert tokens.dtype == np.int64
        assert (np.diff(tokens) > 0).all()
        assert all(np.unravel_index(t, shape)[dim] == place for t in tokens)


@pytest.mark.parametrize("dim", [2, -3])
def test_an_axis_has_to_be_there(dim):
    message = f"dim is {dim}, but the event shape (2, 3) has 2 axes."
    with refused(IndexError, message):
        dataloader.event_indices((2, 3), dim)


@given(LAYOUTS)
def test_flat_indices_count_row_by_row(shape):
    found = [
        dataloader.flatten_index_tuple(idx, shape) for idx in np.ndindex(*shape)
    ]
    assert found == list(range(math.prod(shape)))


def test_coordinates_are_not_checked():
    assert dataloader.flatten_index_tuple((5, 7), (2, 3)) == 22
    assert dataloader.flatten_index_tuple((), ()) == 0


def test_padding_by_name():
    array = jnp.ones((2, 3, 3))
    assert dataloader.pad_1d(a=array, new_size=4, pad_value=0).sum() == 18
    assert dataloader.pad_2d(a=array, new_size=4).shape == (2, 4, 4)
    found = dataloader.pad_2d_cross(a=array, new_size_x=3, new_size_y=5)
    assert found.shape == (2, 3, 5)
    assert found[0, 0, 4] == -1e8


def test_blocks_have_no_defaults_and_one_batch_axis_unless_told():
    data = {"b": jnp.ones((4, 2, 1)), "a": jnp.ones((4, 3, 1, 2))}
    flat, slices = dataloader.flatten_blocks(
        data,
        sample_ndims=1,
        batch_ndims={"a": 2},
        pad_value=0.0,
        max_batch_size=2,
    )
    assert flat.shape == (4, 5, 2)
    assert slices["b"]["batch_shape"] == (1,)
    assert slices["a"]["batch_shape"] == (1, 2)
    for name, n in (("b", 1), ("a", 2)):
        part = dataloader._flatten_leaf(data[name], 1, n, 0.0, 2)
        start = slices[name]["offset"]
        assert np.array_equal(part, flat[:, start : start + part.shape[1]])
    with pytest.raises(TypeError, match="batch_ndims"):
        dataloader.flatten_blocks(data, 1)


def test_trailing_axes_and_widths():
    data = {"theta": {"a": jnp.ones((2, 3, 2))}, "y": {"b": jnp.ones((2, 4))}}
    ones = dataloader._get_batch_ndims(data, None)
    assert ones == {"theta": {"a": 1}, "y": {"b": 1}}
    assert dataloader._get_batch_ndims(data, ones) is ones
    assert dataloader._get_max_batch_size(data, ones) == 4
    two = {"theta": {"a": 2}, "y": {"b": 1}}
    assert dataloader._get_max_batch_size(data, two) == 6


def test_labels_of_one_side():
    labels = dataloader._get_flat_labels(SLICES, {"a": 1, "b": 0, "c": 5})
    assert labels.tolist() == [[0, 0, 1, 1, 1, 1, 1, 1, 5]]
    assert labels.dtype == np.int8
    deep = dataloader._get_flat_labels(SLICES, {"a": 1, "b": 0, "c": 5}, 2)
    assert deep.shape == (1, 1, 9)
    with pytest.raises(OverflowError, match="128 keys"):
        dataloader._get_flat_labels(SLICES, {"a": 1, "b": 0, "c": 128})


def test_unknown_parameters_cannot_be_encoded():
    """The legacy function always fails (L52)."""
    for args in ((SLICES,), (SLICES, {"a": jnp.ones((2, 3, 2, 1))}, 1)):
        with pytest.raises(TypeError, match="flatten_structured"):
            dataloader.encode_unknown_theta(*args)
