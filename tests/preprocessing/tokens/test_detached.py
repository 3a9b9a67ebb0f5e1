"""Tokens of selected keys that keep their original layout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from comparisons import assert_same
from tfmpe import Tokens, concatenate_tokens
from tfmpe.preprocessing.tokens.views import detach


@pytest.fixture(params=["plain", "padded"])
def tokens(request):
    """Return three samples with rules, functional inputs, maybe padding."""
    data = {
        "mu": np.arange(3.0).reshape(3, 1, 1),
        "theta": np.arange(6.0).reshape(3, 2, 1) + 10,
        "obs": np.arange(12.0).reshape(3, 2, 2, 1) + 20,
    }
    rules = {
        "local": ["obs"],
        "cross": [("obs", "mu")],
        "cross_local": [("theta", "obs", (0, 0))],
    }
    times = {"obs": np.arange(12.0).reshape(3, 2, 2, 1)}
    sizes = None
    if request.param == "padded":
        sizes = {"obs": np.array([[2, 2], [1, 2], [0, 0]])}
    return Tokens.from_pytree(data, rules, times, event_shapes=sizes)


KEYS = ["obs", "mu"]


def test_it_answers_as_a_view(tokens):
    """All properties agree, in the requested order."""
    view, detached = tokens.select_tokens(KEYS), detach(tokens, KEYS)
    assert isinstance(detached, Tokens)
    assert detached.layout == view.layout
    assert detached.root == view.root == tokens.layout
    assert detached.key_order == KEYS
    assert detached.slices == view.slices
    assert detached.sample_shape == (3,)
    for name in (
        "data",
        "functional_inputs",
        "labels",
        "padding_mask",
        "value_mask",
        "self_attention_mask",
    ):
        found, expected = getattr(detached, name), getattr(view, name)
        np.testing.assert_array_equal(found, expected)
    assert (detached.padding is None) == (view.padding is None)


def test_masks_between_two_are_those_of_the_parent(tokens):
    """The keys alone would not be sufficient."""
    one, other = detach(tokens, ["theta"]), detach(tokens, KEYS)
    views = tokens.select_tokens(["theta"]), tokens.select_tokens(KEYS)
    np.testing.assert_array_equal(
        one.attention_mask(other), views[0].attention_mask(views[1])
    )
    np.testing.assert_array_equal(
        one.attention_mask(), views[0].attention_mask()
    )
    with pytest.raises(ValueError, match="selected from different layouts"):
        one.attention_mask(other.select_tokens(KEYS).to_tokens())


def test_its_leaves_are_its_own_arrays(tokens):
    """It holds no arrays of other keys, which is its purpose."""
    detached = detach(tokens, KEYS)
    leaves = jax.tree.leaves(detached)
    assert all(leaf.shape[:2] == (3, 5) for leaf in leaves)
    assert len(leaves) == 2 + (tokens.padding is not None)
    again = jax.tree.map(lambda x: x[::-1], detached)
    assert isinstance(again, Tokens)
    np.testing.assert_array_equal(again.data, detached.data[::-1])
    names = [
        jax.tree_util.keystr(path)
        for path, _ in jax.tree_util.tree_flatten_with_path(detached)[0]
    ]
    assert names == [".data", ".functional_inputs", ".padding"][: len(leaves)]


def test_through_transforms(tokens):
    """It can be an argument of jit, and one sample at a time under vmap."""
    detached = detach(tokens, KEYS)

    @jax.jit
    def total(detached):
        traces.append(1)
        assert detached.sample_shape == (3,)
        real = jnp.where(detached.value_mask, detached.data, 0)
        return real.sum((1, 2))

    traces = []
    expected = total(detached)
    np.testing.assert_array_equal(total(detach(tokens, KEYS)), expected)
    assert len(traces) == 1
    total(detach(tokens, ["mu", "obs"]))
    assert len(traces) == 2

    def one(detached):
        assert detached.sample_shape == ()
        return jnp.where(detached.value_mask, detached.data, 0).sum()

    np.testing.assert_allclose(jax.vmap(one)(detached), expected)


def test_from_views_and_of_all_keys(tokens):
    """By default it has all keys, and can be selected from."""
    view = tokens.select_tokens(KEYS)
    for detached in (detach(view), detach(view, KEYS)):
        assert detached.key_order == KEYS
        assert detached.root == tokens.layout
        np.testing.assert_array_equal(detached.data, view.data)
        assert detach(detached).data is detached.data
        for one in (detach(detached, ["mu"]), detached.select_tokens(["mu"])):
            assert one.root == tokens.layout
            np.testing.assert_array_equal(one.data, tokens.data[:, :1])
    assert detach(tokens).key_order == ["mu", "theta", "obs"]
    assert detach(tokens, []).n_tokens == 0


def test_views_of_them_and_other_values(tokens):
    """A copy without the root layout equals that of the view."""
    detached = detach(tokens, KEYS)
    alone = detached.select_tokens(KEYS).to_tokens()
    expected = tokens.select_tokens(KEYS).to_tokens()
    assert_same(alone, expected)
    assert jax.tree.structure(detached) != jax.tree.structure(expected)
    changed = detached.with_values(mu=np.full((1, 1), 9.0))
    moved = detached.with_data(detached.data + 1)
    assert moved.root is detached.root is changed.root
    np.testing.assert_array_equal(moved.data, detached.data + 1)
    np.testing.assert_array_equal(changed.data[:, -1], np.full((3, 1), 9.0))
    assert moved.functional_inputs is detached.functional_inputs


def test_files_and_joined_tokens_have_no_root_layout(tokens, tmp_path):
    detached = detach(tokens, KEYS)
    detached.save(tmp_path / "tokens")
    loaded = Tokens.load(tmp_path / "tokens")
    joined = concatenate_tokens(detached, detached)
    for alone in (loaded, joined):
        assert alone.root_layout is None
        assert alone.root == detached.layout != detached.root
