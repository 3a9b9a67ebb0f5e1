"""Low-level functions between a tree and its token array."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import PAD_VALUE, decode_pytree, flatten_pytree, update_flat_array


def _data():
    return {
        "z": np.array([[[1.0], [2.0]], [[3.0], [4.0]]], np.float32),
        "a": {"b": np.array([[[5.0, 6.0]], [[7.0, 8.0]]], np.float32)},
    }


def test_flatten_by_hand():
    """Rows have the written order, are right-padded, and have slices."""
    flat, slices = flatten_pytree(_data(), 1, None, -1.0, 2)
    assert isinstance(flat, jax.Array)
    assert flat.tolist() == [
        [[1.0, -1.0], [2.0, -1.0], [5.0, 6.0]],
        [[3.0, -1.0], [4.0, -1.0], [7.0, 8.0]],
    ]
    assert slices == {
        "z": {"offset": 0, "event_shape": (2,), "batch_shape": (1,)},
        "a/b": {"offset": 2, "event_shape": (1,), "batch_shape": (2,)},
    }
    assert list(slices) == ["z", "a/b"]
    for entry in slices.values():
        assert type(entry["offset"]) is int
        assert all(type(size) is int for size in entry["event_shape"])


def test_event_axes_are_enumerated_row_major():
    """The last event axis varies fastest."""
    grid = np.arange(6).reshape(1, 2, 3, 1)
    flat, _ = flatten_pytree({"grid": grid}, 1, None, PAD_VALUE, None)
    assert flat[0, :, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("width", [None, 2, 3, 4])
@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
def test_round_trip_flatten_reconstruct_equality(width):
    """For any width, decoding restores the tree."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, width)
    assert flat.shape == (2, 3, width or 2)
    decoded = decode_pytree(flat, slices, (2,))
    assert list(decoded) == ["z", "a"]
    np.testing.assert_array_equal(decoded["z"], _data()["z"])
    np.testing.assert_array_equal(decoded["a"]["b"], _data()["a"]["b"])


def test_decode_selected_keys_in_the_order_asked_for():
    """Only these keys are cut out of all tokens."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    decoded = decode_pytree(flat, slices, (2,), keys=["a/b", "z"])
    assert list(decoded) == ["a", "z"]
    np.testing.assert_array_equal(decoded["a"]["b"], _data()["a"]["b"])
    only = decode_pytree(flat, slices, (2,), keys=["a/b"])
    assert list(only) == ["a"]


@pytest.mark.parametrize(
    ("lead", "sample_shape"),
    [((6,), (2, 3)), ((2, 3), (6,)), ((), ()), ((1,), ()), ((), (1,))],
)
def test_decode_with_another_sample_shape(lead, sample_shape):
    """The number of samples is the same, with different axes."""
    _, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    n = int(np.prod(lead)) * 6
    flat = np.arange(float(n)).reshape((*lead, 3, 2))
    decoded = decode_pytree(flat, slices, sample_shape)
    np.testing.assert_array_equal(
        decoded["a"]["b"], flat[..., 2:, :].reshape((*sample_shape, 1, 2))
    )
    np.testing.assert_array_equal(
        decoded["z"], flat[..., :2, :1].reshape((*sample_shape, 2, 1))
    )


def test_decode_gives_views_of_numpy_and_arrays_of_jax():
    """NumPy arrays give views of NumPy; jax arrays give jax arrays."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    host = np.array(flat)
    for value in jax.tree.leaves(decode_pytree(host, slices, (2,))):
        assert isinstance(value, np.ndarray)
        assert np.shares_memory(value, host)
    for value in jax.tree.leaves(decode_pytree(flat, slices, (2,))):
        assert isinstance(value, jax.Array)


@pytest.mark.parametrize("library", [np, jnp])
def test_update_at_the_correct_offset(library):
    """The result is a new array; the input and other tokens do not change."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    flat = library.asarray(flat)
    before = np.array(flat)
    new = library.full((2, 1, 2), 9.0)
    changed = update_flat_array(flat, slices, "a/b", new)
    assert isinstance(changed, jax.Array)
    np.testing.assert_array_equal(changed[:, 2:], new)
    np.testing.assert_array_equal(changed[:, :2], before[:, :2])
    np.testing.assert_array_equal(flat, before)


def test_update_of_a_narrow_key_leaves_its_padding():
    """Columns that the key does not use are not changed."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    changed = update_flat_array(flat, slices, "z", np.zeros((2, 2, 1)))
    assert changed[:, :2, 0].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert (changed[:, :2, 1] == PAD_VALUE).all()


def test_update_without_sample_axes_repeats_the_value():
    """Every sample has the same values."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    changed = update_flat_array(flat, slices, "z", np.array([[7.0], [8.0]]))
    assert changed[:, :2, 0].tolist() == [[7.0, 8.0], [7.0, 8.0]]


def test_low_level_functions_under_jit_and_grad():
    """Sizes are closed over, and values are traced."""
    flat, slices = flatten_pytree(_data(), 1, None, PAD_VALUE, None)
    traced = jax.jit(
        lambda data: flatten_pytree(data, 1, None, PAD_VALUE, None)[0]
    )(_data())
    # jit sorts the keys of a dict: "a" comes before "z".
    np.testing.assert_array_equal(traced, flat[:, np.array([2, 0, 1])])

    def loss(new):
        changed = update_flat_array(flat, slices, "z", new)
        return (decode_pytree(changed, slices, (2,))["z"] ** 2).sum()

    new = jnp.arange(4.0).reshape(2, 2, 1)
    np.testing.assert_array_equal(jax.jit(jax.grad(loss))(new), 2 * new)
    assert jax.jit(loss)(new) == loss(new) == 14.0
