"""Functional inputs: one row per token, in the order of the tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from preprocessing.slices import slices_of
from tfmpe import PAD_VALUE, Tokens, flatten_functional_inputs


def test_flattening_with_matching_shapes():
    """Every key has rows, which differ between samples."""
    times = {
        "mu": np.array([[[1.0]], [[2.0]]]),
        "obs": np.array([[[3.0], [4.0]], [[5.0], [6.0]]]),
    }
    rows = flatten_functional_inputs(times, slices_of(mu=(1,), obs=(2,)), 1)
    assert isinstance(rows, jax.Array)
    assert rows[..., 0].tolist() == [[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]]


def test_padding_with_sentinel_values():
    """Keys without inputs, and columns that a key does not have, are padded."""
    inputs = {
        "place": np.array([[[1.0, 2.0, 3.0]]]),
        "time": np.array([[[4.0], [5.0]]]),
    }
    slices = slices_of(mu=(1,), place=(1,), time=(2,))
    rows = flatten_functional_inputs(inputs, slices, 1)
    pad = np.float32(PAD_VALUE)
    assert rows.tolist() == [
        [
            [pad, pad, pad],
            [1.0, 2.0, 3.0],
            [4.0, pad, pad],
            [5.0, pad, pad],
        ]
    ]
    other = flatten_functional_inputs(inputs, slices, 1, pad_value=0.5)
    assert other[0, 0].tolist() == [0.5, 0.5, 0.5]
    assert other[0, 2].tolist() == [4.0, 0.5, 0.5]


def test_none_functional_inputs():
    """None stays None in the function, in Tokens and in a view."""
    assert flatten_functional_inputs(None, slices_of(obs=(2,)), 1) is None
    tokens = Tokens.from_pytree({"obs": np.zeros((1, 2, 1))}, {})
    assert tokens.functional_inputs is None
    assert tokens.select_tokens(["obs"]).functional_inputs is None


def test_no_key_has_functional_inputs():
    """An empty dictionary has the same effect."""
    tokens = Tokens.from_pytree({"obs": np.zeros((1, 2, 1))}, {}, {})
    assert tokens.functional_inputs is None


def test_rows_follow_the_tokens_and_not_the_sorted_keys():
    """Rows match their tokens even if keys are not sorted."""
    data = {"z": np.array([[[1.0], [2.0]]]), "a": np.array([[[3.0]]])}
    for inputs in (data, dict(reversed(data.items()))):
        tokens = Tokens.from_pytree(data, {}, inputs)
        np.testing.assert_array_equal(tokens.functional_inputs, tokens.data)
        for keys in (["a", "z"], ["a"], ["z"]):
            view = tokens.select_tokens(keys)
            np.testing.assert_array_equal(view.functional_inputs, view.data)


def test_rows_are_row_major():
    """They are so like the tokens of an event shape with several axes."""
    inputs = {"obs": np.arange(12.0).reshape(1, 2, 3, 2)}
    rows = flatten_functional_inputs(inputs, slices_of(obs=(2, 3)), 1)
    assert rows[0].tolist() == np.arange(12.0).reshape(6, 2).tolist()


@pytest.mark.parametrize(
    ("sample_ndims", "sample_shape"), [(0, ()), (1, (3,)), (2, (3, 2))]
)
def test_inputs_given_once_are_broadcast_over_samples(
    sample_ndims, sample_shape
):
    """Other inputs may differ between samples."""
    once = {"obs": np.array([[1.0], [2.0]])}
    per_sample = np.arange(float(np.prod(sample_shape)))
    mu = per_sample.reshape((*sample_shape, 1, 1))
    data = {"mu": mu, "obs": np.zeros((*sample_shape, 2, 1))}
    slices = slices_of(mu=(1,), obs=(2,))

    rows = flatten_functional_inputs(once, slices, sample_ndims)
    assert rows.shape == (*(1,) * sample_ndims, 3, 1)
    both = {"mu": mu, **once}
    rows = flatten_functional_inputs(both, slices, sample_ndims)
    tokens = Tokens.from_pytree(data, {}, both, sample_ndims)
    for result in (rows, tokens.functional_inputs):
        assert result.shape == (*sample_shape, 3, 1)
        np.testing.assert_array_equal(result[..., :1, :], mu)
        expected = np.broadcast_to(once["obs"], (*sample_shape, 2, 1))
        np.testing.assert_array_equal(result[..., 1:, :], expected)


def test_an_event_shape_of_one_token_and_one_of_none():
    """Event shape () has one row; a size of 0 has none."""
    inputs = {
        "scalar": np.array([[1.0, 2.0]]),
        "none": np.zeros((1, 0, 2)),
        "obs": np.array([[[3.0, 4.0]]]),
    }
    slices = slices_of(scalar=(), none=(0,), obs=(1,))
    rows = flatten_functional_inputs(inputs, slices, 1)
    assert rows.tolist() == [[[1.0, 2.0], [3.0, 4.0]]]


def test_nested_functional_inputs():
    """The tree of the inputs is part of that of the data."""
    data = {
        "mu": np.zeros((1, 1, 1)),
        "site": {"obs": np.zeros((1, 2, 1))},
    }
    inputs = {"site": {"obs": np.array([[1.0], [2.0]])}}
    tokens = Tokens.from_pytree(data, {}, inputs)
    assert tokens.functional_inputs[0, 1:, 0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.int32, jnp.bfloat16])
def test_types_are_kept(dtype):
    """Days may be integers; padding is cast to them."""
    inputs = {"obs": np.array([[1], [2]]).astype(dtype)}
    slices = slices_of(mu=(1,), obs=(2,))
    rows = flatten_functional_inputs(inputs, slices, 1)
    assert rows.dtype == dtype
    assert rows[0, :, 0].tolist() == [
        jnp.asarray(PAD_VALUE, dtype).item(),
        1,
        2,
    ]


def test_under_jit_and_grad():
    """Sizes are closed over; eager and traced results agree."""
    slices = slices_of(mu=(1,), obs=(2,))

    def flatten(times):
        return flatten_functional_inputs({"obs": times}, slices, 1, 0.0)

    times = jnp.array([[[1.0], [2.0]]])
    np.testing.assert_array_equal(jax.jit(flatten)(times), flatten(times))
    gradient = jax.grad(lambda times: (flatten(times) ** 2).sum())(times)
    np.testing.assert_array_equal(gradient, 2 * times)


def test_times_survive_selection_and_new_values(make_example):
    """The times of seir stay with their observations."""
    seir = make_example("seir")
    tokens = Tokens.from_pytree(
        seir.data, seir.independence, seir.functional_inputs
    )
    new = tokens.with_values(obs=np.zeros((3, 2, 1)))
    view = new.select_tokens(["obs", "phi"])
    times = np.asarray(view.functional_inputs)
    assert times[1, :6, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert (times[:, 6:] == np.float32(PAD_VALUE)).all()
