"""Tokens: construction, replacement of values, and decoding."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from comparisons import assert_same
from tfmpe import PAD_VALUE, Tokens


def _two_level():
    return {
        "mu": np.full((2, 1, 1), 1.0),
        "theta": np.arange(10.0).reshape(2, 5, 1),
        "obs": np.arange(30.0).reshape(2, 5, 3, 1),
    }


def _nested():
    return {
        "global": {"mu": np.full((2, 1, 1), 3.0)},
        "site": {
            "theta": np.arange(10.0).reshape(2, 5, 1),
            "time": {"obs": np.arange(30.0).reshape(2, 5, 3, 1)},
        },
    }


def _assert_same_tree(result, expected):
    """Compare keys and their order, shapes and values, at any depth."""
    assert list(result) == list(expected)
    for key, value in expected.items():
        if isinstance(value, dict):
            _assert_same_tree(result[key], value)
        else:
            assert result[key].shape == value.shape
            np.testing.assert_array_equal(result[key], value)


def test_creation_populates_every_field_of_the_examples(example):
    """The three examples of the legacy package are used."""
    tokens = Tokens.from_pytree(
        example.data, example.independence, example.functional_inputs
    )
    shapes = {key: value.shape[1:-1] for key, value in example.data.items()}
    sizes = {key: int(np.prod(shape)) for key, shape in shapes.items()}
    n_tokens = sum(sizes.values())
    offsets = dict(
        zip(sizes, np.cumsum([0, *list(sizes.values())[:-1]]), strict=True)
    )
    assert tokens.key_order == list(example.data)
    assert tokens.slices == {
        key: {
            "offset": offsets[key],
            "event_shape": shapes[key],
            "batch_shape": (1,),
        }
        for key in shapes
    }
    assert tokens.label_map == {
        key: sorted(shapes).index(key) for key in shapes
    }
    expected = [value.reshape((4, -1, 1)) for value in example.data.values()]
    np.testing.assert_array_equal(tokens.data, np.concatenate(expected, 1))
    rows = [np.full(sizes[key], tokens.label_map[key]) for key in shapes]
    np.testing.assert_array_equal(
        tokens.labels, np.tile(np.concatenate(rows), (4, 1))
    )
    assert tokens.self_attention_mask.shape == (n_tokens, n_tokens)
    assert tokens.self_attention_mask.dtype == bool
    assert tokens.padding_mask.shape == (4, n_tokens)
    assert tokens.padding_mask.all()
    if example.functional_inputs is None:
        assert tokens.functional_inputs is None
    else:
        assert tokens.functional_inputs.shape == (4, n_tokens, 1)


def test_rows_follow_the_written_order_of_keys():
    """The rows are written by hand; labels are ranks of the sorted names."""
    tokens = Tokens.from_pytree(
        {"z": np.array([[[1.0], [2.0]]]), "a": np.array([[[3.0]]])}, {}
    )
    assert tokens.data.tolist() == [[[1.0], [2.0], [3.0]]]
    assert tokens.labels.tolist() == [[1, 1, 0]]
    assert tokens.key_order == ["z", "a"]
    assert list(tokens.slices) == list(tokens.label_map) == ["z", "a"]
    assert tokens.slices["a"]["offset"] == 2


def test_nested_keys_are_joined_with_a_slash():
    """The tree may have any depth; names, slices and labels are tested."""
    tokens = Tokens.from_pytree(_nested(), {"local": ["site/theta"]})
    names = ["global/mu", "site/theta", "site/time/obs"]
    assert tokens.key_order == names
    assert tokens.label_map == dict(zip(names, range(3), strict=True))
    assert tokens.slices["site/time/obs"]["offset"] == 6
    assert not tokens.self_attention_mask[1:6, 1:6].any()


def test_labels_and_masks_are_concrete_and_not_leaves():
    """They depend on the layout, and are NumPy arrays of documented dtypes."""
    tokens = Tokens.from_pytree(_two_level(), {"local": ["obs"]})
    assert isinstance(tokens.labels, np.ndarray)
    assert tokens.labels.dtype == np.int32
    assert isinstance(tokens.self_attention_mask, np.ndarray)
    assert tokens.padding_mask.dtype == bool
    assert [leaf.shape for leaf in jax.tree.leaves(tokens)] == [(2, 21, 1)]


def test_given_labels_make_separately_built_tokens_agree():
    """The label map is shared; entries for other keys are allowed."""
    labels = {"mu": 7, "theta": 3, "obs": 5}
    data = _two_level()
    theta = Tokens.from_pytree(
        {"mu": data["mu"], "theta": data["theta"]}, {}, labels=labels
    )
    obs = Tokens.from_pytree({"obs": data["obs"]}, {}, labels=labels)
    assert theta.labels[0].tolist() == [7, 3, 3, 3, 3, 3]
    assert set(obs.labels.ravel().tolist()) == {5}
    assert obs.label_map == {"obs": 5}


def test_numpy_integers_are_labels_too():
    """Label maps are often created with NumPy."""
    tokens = Tokens.from_pytree(
        {"a": np.zeros((1, 1, 1))}, {}, labels={"a": np.int64(4)}
    )
    assert tokens.labels.tolist() == [[4]]


@pytest.mark.parametrize(
    ("batch_ndims", "event_shapes", "batch_shapes", "width"),
    [
        (None, ((2, 3), (2,)), ((4,), (3,)), 4),
        (1, ((2, 3), (2,)), ((4,), (3,)), 4),
        ({"a": 2}, ((2,), (2,)), ((3, 4), (3,)), 12),
        ({"a": 0, "b": 0}, ((2, 3, 4), (2, 3)), ((), ()), 1),
        ({"a": 3, "b": 2}, ((), ()), ((2, 3, 4), (2, 3)), 24),
    ],
)
@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
def test_round_trip_with_different_batch_dimensions(
    batch_ndims, event_shapes, batch_shapes, width
):
    """Keys may have any number of trailing axes in a token, or none."""
    data = {
        "a": np.arange(120.0, dtype=np.float32).reshape(5, 2, 3, 4),
        "b": np.arange(30.0, dtype=np.float32).reshape(5, 2, 3),
    }
    tokens = Tokens.from_pytree(data, {}, batch_ndims=batch_ndims)
    entries = list(tokens.slices.values())
    assert tuple(e["event_shape"] for e in entries) == event_shapes
    assert tuple(e["batch_shape"] for e in entries) == batch_shapes
    assert tokens.width == tokens.data.shape[-1] == width
    _assert_same_tree(tokens.decode(), data)


def test_round_trip_with_padding_of_variable_batch_sizes():
    """Narrow tokens are right-padded, and decoding drops the padding."""
    data = {
        "mu": np.array([[[1.0, 2.0]]], np.float32),
        "obs": np.array([[[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]], np.float32),
    }
    tokens = Tokens.from_pytree(data, {})
    assert tokens.data.tolist() == [
        [[1.0, 2.0, PAD_VALUE], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
    ]
    _assert_same_tree(tokens.decode(), data)


def test_round_trip_with_sizes_of_zero():
    """Keys without tokens are kept, and there may be no samples."""
    data = {
        "none": np.zeros((2, 0, 3, 1), np.float32),
        "obs": np.ones((2, 2, 1), np.float32),
    }
    rules = {"local": ["none"], "cross_local": [("none", "none", (1, 1))]}
    tokens = Tokens.from_pytree(data, rules)
    assert tokens.data.shape == (2, 2, 1)
    assert tokens.self_attention_mask.all()
    assert tokens.self_attention_mask.shape == (2, 2)
    _assert_same_tree(tokens.decode(), data)
    no_samples = {"obs": np.zeros((0, 2, 1), np.float32)}
    empty = Tokens.from_pytree(no_samples, {})
    assert empty.labels.shape == empty.padding_mask.shape == (0, 2)
    _assert_same_tree(empty.decode(), no_samples)


@pytest.mark.parametrize(
    ("dtype", "pad"),
    [
        (jnp.float32, -1e8),
        (jnp.float16, -np.inf),
        (jnp.bfloat16, -1e8),
        (jnp.int8, -128),
        (jnp.uint8, 0),
        (jnp.int32, -100_000_000),
        (jnp.bool_, True),
    ],
)
@pytest.mark.parametrize("library", [np, jnp])
@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
def test_dtypes_are_kept(dtype, pad, library):
    """If all keys have one dtype, tokens and decoded arrays have it too."""
    data = {"a": np.ones((2, 1, 1), dtype), "b": np.zeros((2, 2, 3), dtype)}
    data = jax.device_put(data) if library is jnp else data
    tokens = Tokens.from_pytree(data, {})
    assert tokens.data.dtype == dtype
    assert isinstance(tokens.data, jax.Array)
    assert np.asarray(tokens.data)[0, 0].astype(np.float32).tolist() == [
        1.0,
        *[float(np.asarray(pad).astype(dtype))] * 2,
    ]
    decoded = tokens.decode()
    assert {key: value.dtype for key, value in decoded.items()} == {
        "a": dtype,
        "b": dtype,
    }
    _assert_same_tree(decoded, data)


@pytest.mark.parametrize(
    "dtypes",
    [
        ("int8", "int32"),
        ("int32", "float32"),
        ("float16", "bfloat16"),
        ("bool", "uint8"),
        ("uint8", "int8"),
        ("int32", "float16"),
    ],
)
def test_mixed_dtypes_follow_concatenation(dtypes):
    """NumPy and jax inputs, eager and traced, give the same dtype as in jax."""
    rng = np.random.default_rng(0)
    arrays = {
        key: rng.integers(0, 2, (3, n, 1)).astype(jnp.dtype(dtype))
        for key, n, dtype in zip("ab", (1, 2), dtypes, strict=True)
    }
    on_device = jax.device_put(arrays)
    with jax.numpy_dtype_promotion("standard"):
        expected = jnp.concatenate(list(on_device.values()), 1)

    def build(data):
        return Tokens.from_pytree(data, {}).data

    for result in (build(arrays), build(on_device), jax.jit(build)(arrays)):
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


def test_numpy_and_jax_inputs_give_the_same(example):
    """Results are bit-identical, with functional inputs and padding."""
    sizes = {"obs": np.array([[3, 2], [1, 1], [2, 2], [0, 1]])}

    def build(convert):
        return Tokens.from_pytree(
            {key: convert(value) for key, value in example.data.items()},
            example.independence,
            jax.tree.map(convert, example.functional_inputs),
            event_shapes=jax.tree.map(convert, sizes),
        )

    ours, theirs = build(np.asarray), build(jnp.asarray)
    assert_same(ours, theirs)
    for leaf in jax.tree.leaves((ours, theirs)):
        assert isinstance(leaf, jax.Array)


def test_double_precision_is_single_unless_enabled(x64):
    """As elsewhere in jax, only x64 mode keeps float64 and int64."""
    data = {"a": np.full((1, 1, 1), 1 / 3)}
    assert Tokens.from_pytree(data, {}).data.dtype == jnp.float32
    with x64():
        tokens = Tokens.from_pytree(data, {})
        assert tokens.data.dtype == jnp.float64
        assert float(tokens.data[0, 0, 0]) == 1 / 3
        changed = tokens.with_values(a=np.full((1, 1, 1), 0.1))
        assert float(changed.decode()["a"][0, 0, 0]) == 0.1
        counts = Tokens.from_pytree({"n": np.full((1, 1, 1), 2**40)}, {})
        assert counts.data.dtype == jnp.int64
        assert int(counts.data[0, 0, 0]) == 2**40


def test_later_changes_of_the_given_arrays_do_not_reach_tokens():
    """Tokens do not refer to NumPy arrays of the caller."""
    theirs = np.ones((64, 1, 1), np.float32)
    tokens = Tokens.from_pytree({"a": theirs}, {})
    replaced = tokens.with_values(a=theirs)
    theirs[:] = 5.0
    assert (np.asarray(tokens.data) == 1.0).all()
    assert (np.asarray(replaced.data) == 1.0).all()


def test_with_data_does_not_share_memory_with_the_callers_array():
    """Otherwise jax could use an aligned NumPy array without a copy."""
    tokens = Tokens.from_pytree({"a": np.zeros((64, 1, 1), np.float32)}, {})
    room = np.ones(64 + 16, np.float32)
    start = -(room.ctypes.data % 64) % 64 // 4
    theirs = room[start : start + 64].reshape(64, 1, 1)
    assert theirs.ctypes.data % 64 == 0
    replaced = tokens.with_data(theirs)
    theirs[:] = 5.0
    assert (np.asarray(replaced.data) == 1.0).all()


def test_with_values_of_multiple_keys():
    """They can be in any order; decoding returns the new values."""
    new = {"obs": np.full((2, 5, 3, 1), 9.0), "mu": np.full((2, 1, 1), -1.0)}
    changed = Tokens.from_pytree(_two_level(), {}).with_values(**new)
    _assert_same_tree(changed.decode(), {**_two_level(), **new})


def test_with_values_without_sample_axes_repeats_them():
    """A single observation applies to all samples."""
    tokens = Tokens.from_pytree(_two_level(), {})
    one = np.arange(15.0).reshape(5, 3, 1)
    decoded = tokens.with_values(obs=one).decode()
    np.testing.assert_array_equal(decoded["obs"], np.stack([one, one]))


def test_with_values_of_nested_keys():
    """They are passed as a tree, or by joined names."""
    tokens = Tokens.from_pytree(_nested(), {})
    new = np.full((2, 5, 3, 1), 8.0)
    expected = _nested()
    expected["site"]["time"]["obs"] = new
    as_tree = tokens.with_values(site={"time": {"obs": new}})
    by_name = tokens.with_values(**{"site/time/obs": new})
    _assert_same_tree(as_tree.decode(), expected)
    _assert_same_tree(by_name.decode(), expected)


def test_with_values_of_a_key_named_self():
    """Any string can be a key."""
    tokens = Tokens.from_pytree({"self": np.zeros((1, 1, 1))}, {})
    changed = tokens.with_values(**{"self": np.ones((1, 1, 1))})
    assert changed.data.tolist() == [[[1.0]]]


def test_with_values_keeps_all_but_the_values():
    """Layout object, functional inputs, padding and dtype do not change."""
    tokens = Tokens.from_pytree(
        _two_level(),
        {"local": ["obs"]},
        {"obs": np.zeros((5, 3, 2))},
        event_shapes={"obs": np.array([[5, 2], [4, 3]])},
    )
    for value in (np.ones((2, 1, 1), int), jnp.ones((2, 1, 1), jnp.bool_)):
        changed = tokens.with_values(mu=value)
        assert changed.layout is tokens.layout
        assert changed.functional_inputs is tokens.functional_inputs
        assert changed.padding is tokens.padding
        assert changed.data.dtype == tokens.data.dtype
        assert changed.data[:, 0, 0].tolist() == [1.0, 1.0]


def test_with_values_leaves_padded_columns_alone():
    """A narrow key is written only into its own columns."""
    tokens = Tokens.from_pytree(
        {"a": np.zeros((1, 1, 1)), "b": np.zeros((1, 1, 2))}, {}
    )
    changed = tokens.with_values(a=np.ones((1, 1, 1)))
    assert changed.data.tolist() == [[[1.0, PAD_VALUE], [0.0, 0.0]]]


def test_with_data_replaces_everything_and_keeps_the_layout():
    """The whole token array is replaced, and converted to its dtype."""
    tokens = Tokens.from_pytree(_two_level(), {"local": ["obs"]})
    changed = tokens.with_data(np.asarray(tokens.data) * 2)
    assert changed.layout is tokens.layout
    expected = {key: 2 * value for key, value in _two_level().items()}
    _assert_same_tree(changed.decode(), expected)


def test_with_data_keeps_the_dtype():
    """Integers are converted to floats, so nothing is compiled again."""
    tokens = Tokens.from_pytree(_two_level(), {})
    changed = tokens.with_data(np.ones((2, 21, 1), np.int32))
    assert changed.data.dtype == tokens.data.dtype


def test_decode_for_another_sample_count(example):
    """Samples of a model have the same tokens, but any number of rows."""
    tokens = Tokens.from_pytree(example.data, example.independence)
    for sample_shape in ((7,), (2, 3), (), (0,)):
        size = int(np.prod(sample_shape)) * tokens.n_tokens
        flat = np.arange(size, dtype=np.float32)
        flat = flat.reshape((*sample_shape, tokens.n_tokens, 1))
        decoded = tokens.decode(flat)
        assert list(decoded) == list(example.data)
        for key, value in decoded.items():
            block = tokens.slices[key]
            stop = block["offset"] + np.prod(block["event_shape"], dtype=int)
            expected = flat[..., block["offset"] : stop, :]
            shape = (*sample_shape, *example.data[key].shape[1:])
            np.testing.assert_array_equal(value, expected.reshape(shape))


def test_decode_keys_of_the_whole_array_and_of_their_own_tokens():
    """The array has every token, or only those of the requested keys."""
    tokens = Tokens.from_pytree(_two_level(), {})
    keys = ["obs", "mu"]
    expected = {key: _two_level()[key] for key in keys}
    _assert_same_tree(tokens.decode_keys(tokens.data, keys), expected)
    own = tokens.select_tokens(keys).data
    _assert_same_tree(tokens.decode_keys(own, keys), expected)


def test_decode_keys_of_all_keys_in_another_order():
    """An array with all tokens has the order of the Tokens."""
    tokens = Tokens.from_pytree(_two_level(), {})
    keys = ["obs", "mu", "theta"]
    expected = {key: _two_level()[key] for key in keys}
    _assert_same_tree(tokens.decode_keys(tokens.data, keys), expected)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(_dump(t))]
)
def test_copies_and_pickles(duplicate):
    """Layout and values of the copy are equal."""
    rules = {"local": ["obs"], "cross_local": [("theta", "obs", (0, 0))]}
    tokens = Tokens.from_pytree(_two_level(), rules)
    again = duplicate(tokens)
    assert again.layout == tokens.layout
    assert hash(again.layout) == hash(tokens.layout)
    _assert_same_tree(again.decode(), _two_level())
    np.testing.assert_array_equal(
        again.self_attention_mask, tokens.self_attention_mask
    )


def _dump(tokens):
    return pickle.dumps(tokens)


def test_a_mask_that_all_share_cannot_be_written_to():
    """It is computed once per layout, so a change would affect all Tokens."""
    tokens = Tokens.from_pytree(_two_level(), {})
    with pytest.raises(ValueError, match="read-only"):
        tokens.self_attention_mask[0, 0] = False
    with pytest.raises(ValueError, match="read-only"):
        tokens.labels[0, 0] = 1


def test_tokens_are_frozen():
    """A change creates new Tokens."""
    tokens = Tokens.from_pytree(_two_level(), {})
    with pytest.raises(AttributeError):
        tokens.data = None


@pytest.mark.parametrize("traced", [False, True])
def test_values_of_a_weak_dtype_become_strong(traced):
    """Otherwise equal values would be compiled twice."""

    def build(theta):
        return Tokens.from_pytree(
            {"theta": theta}, {}, functional_inputs={"theta": theta}
        )

    theta = jnp.full((2, 3, 1), 0.5)
    assert theta.weak_type
    tokens = jax.jit(build)(theta) if traced else build(theta)
    assert not tokens.data.weak_type
    assert not tokens.functional_inputs.weak_type
