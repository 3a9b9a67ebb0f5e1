"""Views of selected keys, in the requested order, without copies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import Tokens


@pytest.fixture
def tokens() -> Tokens:
    """Return three keys of different sizes, with times and padding."""
    return Tokens.from_pytree(
        {
            "mu": np.array([[[1.0]], [[2.0]]]),
            "theta": np.array([[[3.0], [4.0]], [[5.0], [6.0]]]),
            "obs": np.arange(10.0, 22.0).reshape(2, 2, 3, 1),
        },
        {
            "local": ["obs", "theta"],
            "cross": [("mu", "obs")],
            "cross_local": [("theta", "obs", (0, 0))],
        },
        {"obs": np.arange(6.0).reshape(2, 3, 1), "mu": np.full((1, 1), 7.0)},
        event_shapes={"obs": np.array([[2, 3], [1, 2]])},
    )


POSITIONS = {
    ("mu",): [0],
    ("theta",): [1, 2],
    ("obs",): [3, 4, 5, 6, 7, 8],
    ("mu", "theta"): [0, 1, 2],
    ("theta", "mu"): [1, 2, 0],
    ("obs", "mu"): [3, 4, 5, 6, 7, 8, 0],
    ("mu", "obs"): [0, 3, 4, 5, 6, 7, 8],
    ("mu", "theta", "obs"): [0, 1, 2, 3, 4, 5, 6, 7, 8],
    ("obs", "theta", "mu"): [3, 4, 5, 6, 7, 8, 1, 2, 0],
    (): [],
}


@pytest.mark.parametrize("keys", POSITIONS, ids="-".join)
def test_slices_of_a_view_count_from_zero(tokens, keys):
    """There are no gaps; shapes and labels are those of the parent."""
    view = tokens.select_tokens(keys)
    assert list(view.slices) == list(view.label_map) == list(keys)
    offset = 0
    for key in keys:
        assert view.slices[key] == {**tokens.slices[key], "offset": offset}
        assert view.label_map[key] == tokens.label_map[key]
        offset += int(np.prod(view.slices[key]["event_shape"]))


def test_select_tokens_does_not_copy(tokens):
    """The view refers to the arrays of its parent."""
    view = tokens.select_tokens(["obs", "mu"])
    assert view.parent.data is tokens.data
    leaves, expected = jax.tree.leaves(view), jax.tree.leaves(tokens)
    assert len(leaves) == len(expected) == 3
    for leaf, mine in zip(leaves, expected, strict=True):
        assert leaf is mine
        assert leaf.unsafe_buffer_pointer() == mine.unsafe_buffer_pointer()


def test_neighbouring_keys_of_numpy_tokens_share_memory(tokens):
    """Reading the arrays of such a view copies nothing."""
    host = jax.tree.map(np.asarray, tokens)
    view = host.select_tokens(["theta", "obs"])
    for name in ("data", "functional_inputs", "padding"):
        assert np.shares_memory(getattr(view, name), getattr(host, name))
    assert not np.shares_memory(
        host.select_tokens(["obs", "theta"]).data, host.data
    )


def test_keys_may_come_from_any_iterable(tokens):
    """Dictionary views and generators are read once."""
    expected = tokens.select_tokens(["mu", "obs"]).data
    for keys in ({"mu": 1, "obs": 2}.keys(), iter(("mu", "obs"))):
        np.testing.assert_array_equal(tokens.select_tokens(keys).data, expected)


def test_decode_of_a_view(tokens):
    """The view's values are decoded, or another array of its tokens."""
    view = tokens.select_tokens(["obs", "mu"])
    decoded = view.decode()
    whole = tokens.decode()
    assert list(decoded) == ["obs", "mu"]
    for key, value in decoded.items():
        np.testing.assert_array_equal(value, whole[key])
    samples = np.arange(35.0).reshape(5, 7, 1)
    decoded = view.decode(samples)
    np.testing.assert_array_equal(
        decoded["obs"], samples[:, :6].reshape(5, 2, 3, 1)
    )
    np.testing.assert_array_equal(decoded["mu"], samples[:, 6:])
    assert np.shares_memory(decoded["obs"], samples)


def test_decode_of_nested_keys():
    """The result is the view's part of the tree."""
    tokens = Tokens.from_pytree(
        {"mu": np.zeros((1, 1, 1)), "site": {"obs": np.ones((1, 2, 1))}}, {}
    )
    decoded = tokens.select_tokens(["site/obs"]).decode()
    assert list(decoded) == ["site"]
    np.testing.assert_array_equal(decoded["site"]["obs"], np.ones((1, 2, 1)))


def test_with_data_of_a_view_keeps_the_dtype(tokens):
    """Integers are converted to the floats of the tokens."""
    changed = tokens.select_tokens(["mu"]).with_data(np.zeros((2, 1, 1), int))
    assert changed.data.dtype == tokens.data.dtype


def test_to_tokens_stands_alone(tokens):
    """It has only its keys, and no rules on other keys."""
    alone = tokens.select_tokens(["obs", "theta"]).to_tokens()
    assert isinstance(alone, Tokens)
    assert alone.key_order == ["obs", "theta"]
    assert alone.independence.to_dict() == {
        "local": ["obs", "theta"],
        "cross": [],
        "cross_local": [("theta", "obs", (0, 0))],
    }
    assert alone.label_map == {"obs": 1, "theta": 2}
    changed = alone.with_values(theta=jnp.zeros((2, 2, 1)))
    assert (changed.data[:, 6:] == 0.0).all()


def test_a_view_without_rows_in_the_parent_is_no_view():
    """Keys without tokens can be selected like all others."""
    tokens = Tokens.from_pytree(
        {"none": np.zeros((2, 0, 1)), "obs": np.zeros((2, 3, 1))},
        {"local": ["none"]},
    )
    view = tokens.select_tokens(["none"])
    assert view.data.shape == (2, 0, 1)
    assert view.self_attention_mask.shape == (0, 0)
    assert view.decode()["none"].shape == (2, 0, 1)
