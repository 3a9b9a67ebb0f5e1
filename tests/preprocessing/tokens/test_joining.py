"""Concatenation of Tokens of different sizes, with padding per key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from comparisons import assert_same
from tfmpe import PAD_VALUE, Tokens, concatenate_tokens

RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def _build(first, n, n_sites, n_obs, keys=("mu", "theta", "obs"), **options):
    """Return Tokens with distinct values, counted from ``first``."""
    shapes = {"mu": (1,), "theta": (n_sites,), "obs": (n_sites, n_obs)}
    data, times = {}, {}
    for key in ("mu", "theta", "obs"):
        size = n * int(np.prod(shapes[key]))
        values = np.arange(first, first + size, dtype=np.float32)
        data[key] = values.reshape((n, *shapes[key], 1))
        times[key] = -data[key]
        first += size
    return Tokens.from_pytree(
        {key: data[key] for key in keys}, RULES, times, **options
    )


@pytest.fixture
def small() -> Tokens:
    """Return two samples with 1 site and 3 observations."""
    return _build(100, 2, 1, 3)


@pytest.fixture
def wide() -> Tokens:
    """Return one sample with 3 sites and 1 observation each."""
    return _build(200, 1, 3, 1)


@pytest.fixture
def padded() -> Tokens:
    """Return three samples with up to 2 sites and 2 observations each."""
    sizes = {"obs": np.array([[2, 2], [1, 2], [2, 1]])}
    return _build(300, 3, 2, 2, event_shapes=sizes)


def _real(tokens, sample):
    """Return the real tokens of a sample: {key: {coordinates: values}}."""
    found = {}
    for key, entry in tokens.slices.items():
        found[key] = {}
        for i, at in enumerate(np.ndindex(entry["event_shape"])):
            row = entry["offset"] + i
            if tokens.padding_mask[sample, row]:
                found[key][at] = (
                    float(tokens.data[sample, row, 0]),
                    float(tokens.functional_inputs[sample, row, 0]),
                )
    return found


def _all_real(*operands):
    return [
        _real(operand, sample)
        for operand in operands
        for sample in range(operand.sample_shape[0])
    ]


def test_joining_by_hand(picture):
    """Padding is added for every key, not at the end of the token axis."""
    a = Tokens.from_pytree(
        {"x": np.array([[[1.0]]]), "y": np.array([[[2.0], [3.0], [4.0]]])}, {}
    )
    b = Tokens.from_pytree(
        {"x": np.array([[[5.0], [6.0]]]), "y": np.array([[[7.0], [8.0]]])}, {}
    )
    joint = concatenate_tokens(a, b)
    pad = np.float32(PAD_VALUE)
    assert joint.data[..., 0].tolist() == [
        [1.0, pad, 2.0, 3.0, 4.0],
        [5.0, 6.0, 7.0, 8.0, pad],
    ]
    assert picture(joint.padding_mask) == ["#.###", "####."]
    assert joint.slices["y"] == {
        "offset": 2,
        "event_shape": (3,),
        "batch_shape": (1,),
    }


def test_padding_along_several_event_axes(small, wide, picture):
    """Sites, and observations per site, are padded along their own axes."""
    joint = concatenate_tokens(small, wide)
    assert joint.slices["obs"]["event_shape"] == (3, 3)
    assert picture(joint.padding_mask) == [
        "##..###......",
        "##..###......",
        "#####..#..#..",
    ]
    padding = ~np.asarray(joint.padding_mask)
    assert (np.asarray(joint.data)[padding] == PAD_VALUE).all()
    assert (np.asarray(joint.functional_inputs)[padding] == PAD_VALUE).all()


def test_other_key_order_follows_the_first(small):
    """Tokens move with their keys; values stay with their names."""
    other = _build(400, 2, 2, 1, keys=("obs", "mu", "theta"))
    joint = concatenate_tokens(small, other)
    assert joint.key_order == ["mu", "theta", "obs"]
    assert _all_real(joint) == _all_real(small, other)
    joint = concatenate_tokens(other, small)
    assert joint.key_order == ["obs", "mu", "theta"]
    assert _all_real(joint) == _all_real(other, small)


def test_other_key_order_alone_needs_no_padding(small):
    """Rows are reordered, and no mask is created."""
    other = _build(400, 1, 1, 3, keys=("obs", "theta", "mu"))
    joint = concatenate_tokens(small, other)
    assert joint.padding is None
    assert _all_real(joint) == _all_real(small, other)


def test_equal_sizes_are_stacked_without_padding(small):
    """The layout object is the same, and there is no mask."""
    joint = concatenate_tokens(small, small)
    assert joint.layout is small.layout
    assert joint.padding is None
    np.testing.assert_array_equal(
        joint.data, np.concatenate([small.data, small.data])
    )


def test_labels_and_masks_of_the_joint_follow_from_its_layout(small, wide):
    """They equal those of Tokens built with the larger sizes at once."""
    joint = concatenate_tokens(small, wide)
    large = _build(0, 3, 3, 3)
    assert joint.layout == large.layout
    np.testing.assert_array_equal(joint.labels, large.labels)
    np.testing.assert_array_equal(
        joint.self_attention_mask, large.self_attention_mask
    )


def test_given_labels_are_kept():
    """They are those of the operands, which agree."""
    labels = {"mu": 5, "theta": 9, "obs": 1}
    a, b = _build(0, 1, 1, 1, labels=labels), _build(9, 1, 2, 2, labels=labels)
    joint = concatenate_tokens(a, b)
    assert joint.label_map == labels
    assert joint.labels[0].tolist() == [5, 9, 9, 1, 1, 1, 1]


def test_equal_positions_still_pair_after_joining():
    """A rule by position must pair the same tokens as before."""
    rules = {"cross_local": [("a", "b", None)]}

    def build(a_shape, b_shape):
        data = {
            "a": np.zeros((1, *a_shape, 1)),
            "b": np.zeros((1, *b_shape, 1)),
        }
        return Tokens.from_pytree(data, rules)

    same = concatenate_tokens(
        build((2, 2), (2, 2)), build((2, 3), (2, 3))
    ).cross_attention_mask(["a"], ["b"])
    np.testing.assert_array_equal(same, np.eye(6, dtype=bool))

    # a[2] sees b[1, 0], which is third of 4 but fourth of 6 tokens.
    with pytest.raises(ValueError, match=r"'a'.*'b'"):
        concatenate_tokens(build((4,), (2, 2)), build((6,), (2, 3)))


def test_several_sample_axes_join_along_the_first():
    """The other axes must be equal."""

    def build(n, size, value):
        data = {"obs": np.full((n, 2, size, 1), value)}
        return Tokens.from_pytree(data, {}, sample_ndims=2)

    joint = concatenate_tokens(build(1, 2, 1.0), build(3, 1, 2.0))
    assert joint.sample_shape == (4, 2)
    assert joint.padding_mask.sum(-1).tolist() == [[2, 2], *3 * [[1, 1]]]


def test_wide_tokens_and_mixed_dtypes():
    """Batch shapes agree, and dtypes are promoted as in jax."""
    a = Tokens.from_pytree({"x": np.ones((1, 2, 3), np.int32)}, {})
    b = Tokens.from_pytree({"x": np.ones((2, 1, 3), np.float32)}, {})
    joint = concatenate_tokens(a, b)
    assert joint.data.dtype == jnp.float32
    assert joint.data.shape == (3, 2, 3)
    assert (joint.data[1:, 1] == PAD_VALUE).all()
    assert joint.decode()["x"].shape == (3, 2, 3)


def test_sizes_and_samples_of_zero(small):
    """Operands may have no samples, and keys may have no tokens."""
    none = _build(0, 0, 1, 3)
    assert_same(concatenate_tokens(small, none), small)
    bare = _build(600, 1, 0, 0)
    joint = concatenate_tokens(bare, small)
    assert _all_real(joint) == _all_real(bare, small)
    assert joint.padding_mask[0].sum() == 1


def test_joining_under_jit_and_vmap(small, wide, padded):
    """Compiled results agree, also for a batch of data sets."""
    joint = concatenate_tokens(small, wide, padded)
    assert_same(jax.jit(concatenate_tokens)(small, wide, padded), joint)

    def stacked(tokens):
        return jax.tree.map(lambda x: np.stack([x, np.add(x, x)]), tokens)

    join = jax.jit(jax.vmap(concatenate_tokens))
    both = jax.device_get(join(stacked(small), stacked(wide)))
    assert_same(
        jax.tree.map(lambda x: x[0], both), concatenate_tokens(small, wide)
    )
    assert both.data.shape == (2, 3, 13, 1)


def test_gradients_reach_the_operands(small, wide):
    """Only real tokens of the operands have gradients."""

    def loss(data):
        joint = concatenate_tokens(small.with_data(data), wide)
        return jnp.where(joint.padding_mask[..., None], joint.data, 0.0).sum()

    gradient = jax.jit(jax.grad(loss))(small.data)
    np.testing.assert_array_equal(gradient, np.ones(small.data.shape))
