"""Equality of results with and without jit and vmap.

Rules, slices and numbers of axes are static, as in legacy scripts; only the
arrays are traced.
"""

import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from comparisons import assert_same
from strategies import array_of
from tfmpe import compat

pytestmark = pytest.mark.usefixtures("quiet")

RULES = {
    "local": ["theta", "obs"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
# Keys in unsorted order, and values of two widths.
DATA = {
    "theta": {
        "theta": array_of((4, 2, 1), "float32", 1),
        "mu": array_of((4, 1, 1), "float32", 2),
    },
    "y": {"obs": array_of((4, 2, 3, 2), "float32", 3)},
}
INDEX = {
    "theta": array_of((4, 2, 2), "float32", 4),
    "mu": array_of((4, 1, 2), "float32", 5),
    "obs": array_of((4, 2, 3, 2), "float32", 6),
}
TRUE = {
    "theta": {
        "theta": np.array([[2], [1], [0], [2]]),
        "mu": np.array([[1]] * 4),
    },
    "y": {"obs": np.array([[2, 3], [1, 3], [2, 0], [1, 1]])},
}


def _flatten(data, index, true, sample_ndims=1):
    return compat.flatten_structured(
        data,
        data_sample_ndims=sample_ndims,
        index=index,
        event_shapes=true,
        independence=RULES,
    )


with mock.patch.dict("os.environ", TFMPE_COMPAT="ignore"):
    FLAT, SLICES = _flatten(DATA, INDEX, TRUE)


def _assert_equal(found, wanted):
    assert_same(found, wanted)
    for new, old in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        assert isinstance(new, jax.Array)
        assert (new.shape, new.weak_type) == (old.shape, False)


def test_flatten_structured_under_jit():
    """Dicts inside keep their order too, and slices are plain ints."""
    inside = []

    @jax.jit
    def flatten(data, index, true):
        # Passing through jit sorted the keys; restore the order.
        data = {
            side: {name: data[side][name] for name in DATA[side]}
            for side in DATA
        }
        flat, slices = _flatten(data, index, true)
        inside.append((list(flat), list(flat["masks"]["attention"]), slices))
        return flat

    _assert_equal(flatten(DATA, INDEX, TRUE), FLAT)
    order = ["data", "labels", "masks", "index"]
    assert inside == [(order, ["y", "theta", "cross"], SLICES)]
    assert list(inside[0][2]["theta"]) == ["theta", "mu"]


def test_flatten_structured_under_vmap():
    """Under vmap, labels have no sample axis; masks keep their leading axis."""

    def flatten(data, index, true):
        theta = {name: data["theta"][name] for name in DATA["theta"]}
        data = {"theta": theta, "y": data["y"]}
        return _flatten(data, index, true, 0)[0]

    found = jax.jit(jax.vmap(flatten))(DATA, INDEX, TRUE)
    for part in ("data", "index"):
        _assert_equal(found[part], FLAT[part])
    _assert_equal(found["masks"]["padding"], FLAT["masks"]["padding"])
    for side, labels in found["labels"].items():
        assert labels.shape == (4, FLAT["labels"][side].shape[1])
        assert (labels == FLAT["labels"][side]).all()
    for name, mask in found["masks"]["attention"].items():
        wanted = FLAT["masks"]["attention"][name]
        assert mask.shape == (4, *wanted.shape)
        assert (mask == wanted).all()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "int32"])
def test_padding_of_narrow_types_under_jit(dtype):
    """The pad value is the same as without jit."""
    data = {
        "theta": {"a": array_of((2, 1, 1), dtype), "b": np.ones((2, 1, 1))},
        "y": {"c": array_of((2, 2, 3), dtype)},
    }

    def flatten(data):
        return compat.flatten_structured(data)[0]

    _assert_equal(jax.jit(flatten)(data), flatten(data))


def test_decode_theta_under_jit_and_vmap():
    theta, slices = FLAT["data"]["theta"], SLICES["theta"]
    wanted = compat.decode_theta(theta, slices, (4,))
    for name, array in DATA["theta"].items():
        np.testing.assert_array_equal(wanted[name], array)
    decode = functools.partial(compat.decode_theta, theta_slices=slices)
    _assert_equal(
        jax.jit(lambda t: decode(t, sample_shape=(4,)))(theta), wanted
    )
    _assert_equal(jax.vmap(lambda t: decode(t, sample_shape=()))(theta), wanted)
    two = jax.jit(lambda t: decode(t, sample_shape=(2, 2)))(theta)
    _assert_equal(two, compat.decode_theta(theta, slices, (2, 2)))


def test_decode_theta_has_a_gradient():
    """Each value contributes once, and padding does not."""
    theta, slices = FLAT["data"]["theta"], SLICES["theta"]

    def total(theta):
        return sum(
            jnp.nansum(array)
            for array in compat.decode_theta(theta, slices, (4,)).values()
        )

    gradient = jax.grad(total)(jnp.nan_to_num(theta, posinf=0, neginf=0))
    np.testing.assert_array_equal(gradient[..., 0], 1)
    np.testing.assert_array_equal(gradient[..., 1], 0)


def test_combine_data_under_jit_and_vmap():
    small = {
        "theta": {name: a[:3, :1] for name, a in DATA["theta"].items()},
        "y": {"obs": DATA["y"]["obs"][:3, :, :2]},
    }
    index = {
        "theta": INDEX["theta"][:3, :1],
        "mu": INDEX["mu"][:3],
        "obs": INDEX["obs"][:3, :, :2],
    }
    rules = {"local": ["obs"]}
    second, _ = compat.flatten_structured(
        small, index=index, independence=rules
    )
    wanted = compat.combine_data(FLAT, second)
    _assert_equal(jax.jit(compat.combine_data)(FLAT, second), wanted)
    twice = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), (FLAT, second))
    for half in _halves(compat.combine_data, *twice):
        _assert_equal(half, wanted)


def _halves(function, *twice):
    """Return both results of a function that is mapped over two samples."""

    @jax.jit
    def both(*twice):
        found = jax.vmap(function)(*twice)
        return [jax.tree.map(lambda x, i=i: x[i], found) for i in (0, 1)]

    return both(*twice)


@pytest.mark.parametrize(
    "masks",
    [
        {"padding": FLAT["masks"]["padding"]},
        {"attention": FLAT["masks"]["attention"]},
        FLAT["masks"],
    ],
    ids=["padding", "attention", "both"],
)
def test_attention_masks_under_jit_and_vmap(masks):
    wanted = compat._make_attention_masks(masks)
    _assert_equal(jax.jit(compat._make_attention_masks)(masks), wanted)
    twice = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), masks)
    for half in _halves(compat._make_attention_masks, twice):
        _assert_equal(half, wanted)


def test_no_attention_masks_under_jit():
    assert jax.jit(compat._make_attention_masks)(None) == (None, None, None)


@pytest.mark.parametrize("shuffle", [True, False])
def test_split_data_under_jit(shuffle):
    """Rows may be repeated (L25)."""
    key = jax.random.key(1) if shuffle else None

    def split(data):
        return compat.split_data(data, 4, 0.5, key)

    data = jax.tree.map(jnp.asarray, {"rows": DATA["y"], "one": jnp.ones(1)})
    _assert_equal(jax.jit(split)(data), split(data))


def test_masks_of_rules_under_jit():
    """They depend only on slices, which are static."""
    theta, y = SLICES["theta"], SLICES["y"]

    def build(values):
        return (
            compat.build_self_attention_mask(theta, RULES) * values,
            compat.build_cross_attention_mask(theta, y, RULES) * values,
        )

    _assert_equal(jax.jit(build)(1.0), build(np.float32(1.0)))


def test_padding_masks_under_jit_and_vmap():
    wanted = compat.build_padding_mask(SLICES["y"], TRUE["y"])
    build = functools.partial(compat.build_padding_mask, SLICES["y"])
    _assert_equal(jax.jit(build)(TRUE["y"]), wanted)
    _assert_equal(jax.vmap(build)(TRUE["y"]), wanted)


def test_padding_of_arrays_under_jit_and_vmap():
    array = DATA["y"]["obs"]
    wanted = compat.pad_multidim_event(array, 1, (3, 4), -7.0)

    def pad(array, start):
        return compat.pad_multidim_event(array, start, (3, 4), -7.0)

    _assert_equal(jax.jit(lambda a: pad(a, 1))(array), wanted)
    _assert_equal(jax.vmap(lambda a: pad(a, 0))(array), wanted)


def test_index_under_jit_and_vmap():
    index = {name: INDEX[name] for name in ("theta", "mu")}
    wanted = compat._flatten_index(index, -1e8, 1)

    def flatten(index, sample_ndims):
        return compat._flatten_index(index, -1e8, sample_ndims)

    _assert_equal(jax.jit(lambda i: flatten(i, 1))(index), wanted)
    _assert_equal(jax.vmap(lambda i: flatten(i, 0))(index), wanted)
