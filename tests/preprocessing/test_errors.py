"""Error messages, compared completely."""

# ruff: noqa: PT011 - the message is compared after each block.

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refusals import refused
from tfmpe import (
    DynamicShapeError,
    Independence,
    IndependenceError,
    PaddingWarning,
    Tokens,
    UnknownKeyError,
    build_cross_attention_mask,
    build_padding_mask,
    build_self_attention_mask,
    concatenate_tokens,
    decode_pytree,
    flatten_functional_inputs,
    flatten_pytree,
    update_flat_array,
)


def _entry(*event_shape, offset=0):
    return {"offset": offset, "event_shape": event_shape, "batch_shape": (1,)}


@pytest.fixture
def tokens() -> Tokens:
    """Return three keys and two samples."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((2, 1, 1)),
            "theta": np.zeros((2, 5, 1)),
            "obs": np.zeros((2, 5, 3, 1)),
        },
        {"local": ["obs"]},
    )


# The six specified messages.


def test_dimension_mismatch_in_independence_spec():
    """It is found in both mask functions, and when Tokens are built."""
    rules = {"cross_local": [("theta", "obs", (0, 0))]}
    theta, obs = {"theta": _entry(10)}, {"obs": _entry(5, 2)}
    data = {"theta": np.zeros((1, 10, 1)), "obs": np.zeros((1, 5, 2, 1))}
    for build in (
        lambda: build_cross_attention_mask(theta, obs, rules),
        lambda: build_self_attention_mask({**theta, **obs}, rules),
        lambda: Tokens.from_pytree(data, rules),
    ):
        with pytest.raises(ValueError) as caught:
            build()
        assert str(caught.value) == (
            "Cannot apply cross_local independence: dimension 0 of 'theta' "
            "has size 10 but dimension 0 of 'obs' has size 5"
        )


def test_invalid_functional_input_shapes():
    """It is found in `flatten_functional_inputs`, and when Tokens are built."""
    inputs = {"obs": np.zeros((10,))}
    data = {"obs": np.zeros((10, 5, 1))}
    for build in (
        lambda: flatten_functional_inputs(inputs, {"obs": _entry(5)}, 1),
        lambda: Tokens.from_pytree(data, {}, inputs),
    ):
        with pytest.raises(ValueError) as caught:
            build()
        assert str(caught.value) == (
            "Functional input 'obs' has shape (10,) but expected to match "
            "token shape (10, 5)"
        )
    for shape in ((10, 5), (5,)):
        with pytest.raises(ValueError) as caught:
            Tokens.from_pytree(data, {}, {"obs": np.zeros(shape)})
        assert str(caught.value) == (
            f"Functional input 'obs' has shape {shape} but expected to match "
            f"token shape {shape}, followed by the number of inputs. Pass it "
            "as array[..., None] if each token has one input."
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.select_tokens(["mu", "sigma"]),
        lambda t: t.select_tokens(t.key_order).select_tokens(["sigma"]),
        lambda t: t.with_values(sigma=np.zeros((2, 1, 1))),
        lambda t: t.cross_attention_mask(["sigma"], ["obs"]),
        lambda t: t.cross_attention_mask(["obs"], ["sigma"]),
        lambda t: t.decode_keys(t.data, ["sigma"]),
        lambda t: decode_pytree(t.data, t.slices, (2,), ["sigma"]),
        lambda t: update_flat_array(t.data, t.slices, "sigma", np.zeros(1)),
        lambda t: build_self_attention_mask(t.slices, {}, ["sigma"]),
        lambda t: build_padding_mask(t.slices, {}, ["sigma"]),
        lambda t: build_padding_mask(t.slices, {"sigma": np.zeros((2, 1))}),
        lambda t: flatten_functional_inputs(
            {"sigma": np.zeros((1, 1, 1))}, t.slices, 1
        ),
    ],
)
def test_key_not_found_in_tokens(tokens, ask):
    """The message is the same everywhere, without quotes."""
    with pytest.raises(UnknownKeyError) as caught:
        ask(tokens)
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == (
        "Key 'sigma' not found. Available keys: ['mu', 'theta', 'obs']"
    )


def test_key_not_found_suggests_the_nearest(tokens):
    """The suggestion is a note, so that the message does not change."""
    with pytest.raises(UnknownKeyError) as caught:
        tokens.select_tokens(["thet"])
    assert str(caught.value) == (
        "Key 'thet' not found. Available keys: ['mu', 'theta', 'obs']"
    )
    assert caught.value.__notes__ == ["Did you mean 'theta'?"]


def test_padding_exceeds_threshold_warns():
    """A ratio of exactly 2 does not warn, and empty tokens are ignored."""

    def build(*widths):
        data = {
            f"k{i}": np.zeros((1, 1, width)) for i, width in enumerate(widths)
        }
        Tokens.from_pytree(data, {})
        flatten_pytree(data, 1, None, -1e8, None)

    with pytest.warns(PaddingWarning) as caught:
        build(2, 7, 4)
    assert [str(warning.message) for warning in caught] == 2 * [
        "Warning: Batch size padding ratio is 3.5x, consider restructuring data"
    ]
    build(2, 4, 3)
    build(0, 4)


def test_padding_warning_points_at_the_callers_line():
    """The warning has the line that a user can change."""
    data = {"a": np.zeros((1, 1, 2)), "b": np.zeros((1, 1, 7))}
    with pytest.warns(PaddingWarning) as caught:
        Tokens.from_pytree(data, {})
    assert [warning.filename for warning in caught] == [__file__]


DYNAMIC = (
    "Dynamic shape detected in JIT context. "
    "Ensure all shapes are statically known."
)


@pytest.mark.parametrize(
    "function",
    [
        lambda n: Tokens.from_pytree({"a": jnp.ones((3, 1))}, {}, None, n),
        lambda n: Tokens.from_pytree(
            {"a": jnp.ones((3, 1))}, {}, batch_ndims={"a": n}
        ),
        lambda n: flatten_pytree({"a": jnp.ones((3, 1))}, n, None, 0.0, 1),
        lambda n: flatten_pytree({"a": jnp.ones((3, 1))}, 1, None, 0.0, n),
        lambda n: decode_pytree(
            jnp.ones((3, 1, 1)), {"a": _entry(n)}, (3,), None
        ),
        lambda n: decode_pytree(
            jnp.ones((3, 1, 1)), {"a": _entry(1)}, (n,), None
        ),
        lambda n: decode_pytree(
            jnp.ones((3, 1, 1)), {"a": _entry(1, offset=n)}, (3,), None
        ),
        lambda n: update_flat_array(
            jnp.ones((3, 1, 1)), {"a": _entry(n)}, "a", jnp.ones((3, 1, 1))
        ),
        lambda n: build_self_attention_mask({"a": _entry(n)}, {}),
        lambda n: build_cross_attention_mask({"a": _entry(n)}, {}, {}),
        lambda n: build_padding_mask({"a": _entry(n)}, {}),
        lambda n: flatten_functional_inputs(
            {"a": jnp.ones((3, 1, 1))}, {"a": _entry(n)}, 1
        ),
    ],
)
def test_jit_tracers_as_sizes(function):
    """A size is traced; the note says which one, and the remedy."""
    with pytest.raises(DynamicShapeError) as caught:
        jax.jit(function)(1)
    assert str(caught.value) == DYNAMIC
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    (note,) = (n for n in caught.value.__notes__ if "traced value" in n)
    assert "static_argnums" in note


@pytest.mark.parametrize(
    "decode",
    [
        lambda t, flat: t.decode(flat),
        lambda t, flat: t.select_tokens(t.key_order).decode(flat),
        lambda t, flat: t.decode_keys(flat, ["mu"]),
    ],
)
def test_decode_of_another_number_of_tokens(tokens, decode):
    """Tokens and views have the same message."""
    with pytest.raises(ValueError) as caught:
        decode(tokens, np.zeros((2, 20, 1)))
    assert str(caught.value) == (
        "Slice metadata specifies 21 tokens but flat array has 20 tokens"
    )


# Rules.


def test_unknown_keys_in_rules_are_all_named_with_the_nearest():
    """A typo must not disable a rule."""
    rules = {
        "local": ["ob"],
        "cross": [("mu", "obs"), ("mu", "xyz")],
        "cross_local": [("thetas", "obs", (0, 0))],
    }
    data = {
        "mu": np.zeros((1, 1, 1)),
        "theta": np.zeros((1, 2, 1)),
        "obs": np.zeros((1, 2, 1)),
    }
    slices = {"mu": _entry(1), "theta": _entry(2), "obs": _entry(2)}
    for build in (
        lambda: Tokens.from_pytree(data, rules),
        lambda: build_self_attention_mask(slices, rules),
    ):
        with pytest.raises(UnknownKeyError) as caught:
            build()
        keys = "['mu', 'theta', 'obs']"
        assert str(caught.value) == (
            "Unknown key in independence:\n"
            "  - the local rule 'ob' names 'ob', which is not among the keys "
            f"{keys}. Did you mean 'obs'?\n"
            "  - the cross rule ('mu', 'xyz') names 'xyz', which is not "
            f"among the keys {keys}.\n"
            "  - the cross_local rule ('thetas', 'obs', (0, 0)) names "
            f"'thetas', which is not among the keys {keys}. "
            "Did you mean 'theta'?"
        )


def test_malformed_rules_are_all_listed():
    """One error lists every fault of the specification."""
    with pytest.raises(IndependenceError) as caught:
        Independence.parse(
            {
                "locl": ["a"],
                "local": ["a", ("a", "b")],
                "cross": [("a",), "ab", ("a", 3)],
                "cross_local": [
                    ("a", "b"),
                    ("a", "b", 0),
                    ("a", "b", (0, 1.5)),
                ],
            }
        )
    expected = (
        "must be two keys and either None, a pair of event axes, or the name "
        "of a dimension, such as ('theta', 'obs', (0, 0)) or ('theta', "
        "'obs', 'site')."
    )
    assert str(caught.value).splitlines() == [
        "Malformed independence:",
        "  - 'locl' is not a kind of rule; the kinds are "
        "['local', 'cross', 'cross_local']. Did you mean 'local'?",
        "  - the local rule ('a', 'b') must be a key.",
        "  - the cross rule ('a',) must be a pair of keys.",
        "  - the cross rule 'ab' must be a pair of keys.",
        "  - the cross rule ('a', 3) must be a pair of keys.",
        f"  - the cross_local rule ('a', 'b') {expected}",
        f"  - the cross_local rule ('a', 'b', 0) {expected}",
        f"  - the cross_local rule ('a', 'b', (0, 1.5)) {expected}",
    ]
    assert isinstance(caught.value, ValueError)


def test_rules_on_dimensions_that_do_not_exist():
    """They are out of range at either end; the event shape is shown."""
    for dim in (2, -3):
        with pytest.raises(ValueError) as caught:
            build_cross_attention_mask(
                {"a": _entry(2, 3)},
                {"b": _entry(2)},
                {"cross_local": [("a", "b", (dim, 0))]},
            )
        assert str(caught.value) == (
            "Cannot apply cross_local independence: 'a' has no dimension "
            f"{dim}; its event shape is (2, 3)."
        )


# Keys.


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.select_tokens("obs"),
        lambda t: t.cross_attention_mask("obs", ["mu"]),
        lambda t: t.cross_attention_mask(["mu"], "obs"),
        lambda t: t.decode_keys(t.data, "obs"),
        lambda t: decode_pytree(t.data, t.slices, (2,), "obs"),
        lambda t: build_self_attention_mask(t.slices, {}, "obs"),
        lambda t: build_padding_mask(t.slices, {}, "obs"),
    ],
)
def test_a_bare_string_is_no_list_of_keys(tokens, ask):
    """It would be read character by character."""
    with pytest.raises(TypeError) as caught:
        ask(tokens)
    assert str(caught.value) == (
        "Expected a list of keys, got the string 'obs'. Write ['obs']."
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda t, keys: t.select_tokens(keys),
        lambda t, keys: t.decode_keys(t.data, keys),
        lambda t, keys: t.cross_attention_mask(keys, ["obs"]),
        lambda t, keys: t.cross_attention_mask(["obs"], keys),
        lambda t, keys: decode_pytree(t.data, t.slices, (2,), keys),
    ],
)
def test_duplicate_keys(tokens, ask):
    """Every key may occur once."""
    with pytest.raises(ValueError) as caught:
        ask(tokens, ["mu", "obs", "mu"])
    assert str(caught.value) == (
        "The keys ['mu'] are given more than once in ['mu', 'obs', 'mu']. "
        "Name every key once."
    )


# Data.


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({}, ValueError, "data holds no arrays; pass at least one key."),
        (
            {"a": {}},
            ValueError,
            "data has an empty dictionary at 'a', which cannot be rebuilt "
            "from tokens. Remove it.",
        ),
        (
            np.zeros((1, 1, 1)),
            TypeError,
            "data must be a dictionary of arrays, not ndarray. Use a "
            "key for every array.",
        ),
        (
            {"a": {"b": [[[1.0]]]}},
            TypeError,
            "data has a list at 'a/b'; expected an array or a dictionary. "
            "Convert it with numpy.asarray.",
        ),
        (
            {"a": {3: np.zeros((1, 1, 1))}},
            TypeError,
            "data has the key 3 of type int; keys must be strings.",
        ),
        (
            {"a": np.array([["x"]])},
            TypeError,
            "data['a'] has the dtype <U1; expected numbers. Convert it with "
            "numpy.asarray(..., float).",
        ),
        (
            {"a": np.zeros((1, 1, 1), "timedelta64[s]")},
            TypeError,
            "data['a'] has the dtype timedelta64[s]; expected numbers. Convert "
            "it with numpy.asarray(..., float).",
        ),
        (
            {"a": np.zeros((1, 1, 1), np.longdouble)},
            TypeError,
            f"data['a'] has the dtype {np.dtype('g')}; expected numbers. "
            "Convert it with numpy.asarray(..., float).",
        ),
        (
            {"a": np.zeros((2, 1, 1)), "b": np.zeros((3, 1, 1))},
            ValueError,
            "The sample shapes (the first 1 axes) of the keys differ: "
            "{'a': (2,), 'b': (3,)}. Repeat or broadcast the smaller ones.",
        ),
        (
            {"a": np.zeros((2,)), "b": np.zeros(()), "c": np.zeros((2, 1))},
            ValueError,
            "Arrays have too few axes:\n"
            "  - 'a' has shape (2,), fewer axes than its 1 sample and 1 "
            "batch axes\n"
            "  - 'b' has shape (), fewer axes than its 1 sample and 1 batch "
            "axes",
        ),
        (
            {"a/b": np.zeros((1, 1, 1)), "a": {"b": np.zeros((1, 1, 1))}},
            ValueError,
            "data has several leaves with the names ['a/b']: nested keys "
            "are joined with '/'. Rename one of them.",
        ),
    ],
    ids=[
        "empty",
        "empty branch",
        "no dict",
        "list",
        "key",
        "strings",
        "durations",
        "long floats",
        "samples",
        "axes",
        "names",
    ],
)
def test_data_that_cannot_be_flattened(data, error, message):
    """The message is the same in Tokens and in the low-level function."""
    for build in (
        lambda: Tokens.from_pytree(data, {}),
        lambda: flatten_pytree(data, 1, None, -1e8, None),
    ):
        with refused(error, message):
            build()


@pytest.mark.parametrize("n", [np.int64(1), np.int32(1)])
def test_numpy_integers_are_numbers_of_axes(n):
    """They result from shape arithmetic and configuration files."""
    tokens = Tokens.from_pytree(
        {"a": np.zeros((2, 3, 1))}, {}, None, n, {"a": n}
    )
    assert tokens.data.shape == (2, 3, 1)


@pytest.mark.parametrize("pad_value", [0, -1, np.float32(-1.0), np.nan])
def test_any_number_is_a_pad_value(pad_value):
    """Integers and NumPy scalars are allowed too."""
    data = {"a": np.ones((1, 1, 1)), "b": np.ones((1, 1, 2))}
    flat, slices = flatten_pytree(data, 1, None, pad_value, None)
    np.testing.assert_array_equal(flat[0, 0, 1], pad_value)
    rows = flatten_functional_inputs(
        {"b": np.ones((1, 1, 1))}, slices, 1, pad_value
    )
    np.testing.assert_array_equal(rows[0, 0, 0], pad_value)


# New values.


def test_with_values_of_wrong_shapes(tokens):
    """Sample, event and batch axes must equal those of the key."""
    for shape in ((2, 4, 1), (3, 5, 1), (1, 5, 1), (5,), ()):
        with pytest.raises(ValueError) as caught:
            tokens.with_values(theta=np.zeros(shape))
        assert str(caught.value) == (
            f"The new value of 'theta' has shape {shape}, expected (2, 5, 1) "
            "(sample, event and batch axes), or (5, 1) for the same values "
            "in every sample."
        )


CHANGES = {
    "with_values": lambda t, new: t.with_values(a=new),
    "with_data": lambda t, new: t.with_data(new),
    "with_data of a view": lambda t, new: t.select_tokens(["a"]).with_data(new),
    "update_flat_array": lambda t, new: t.with_data(
        update_flat_array(t.data, t.slices, "a", new)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("dtype", "given"),
    [("int32", "float32"), ("bool", "int8"), ("float32", "complex64")],
)
def test_new_values_of_a_dtype_that_does_not_fit(dtype, given, change):
    """Dtypes may only be promoted: bool, integer, float, complex."""
    tokens = Tokens.from_pytree({"a": np.zeros((1, 1, 1), dtype)}, {})
    with pytest.raises(TypeError) as caught:
        CHANGES[change](tokens, np.zeros((1, 1, 1), given))
    subject = "data" if "with_data" in change else "The new value of 'a'"
    assert str(caught.value) == (
        f"{subject} has the dtype {given}, which does not fit into tokens "
        f"of dtype {dtype} without loss. Convert it with astype, or build "
        "the tokens with a wider dtype."
    )


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("dtype", "given"),
    [("float32", "int32"), ("int8", "bool"), ("complex64", "float32")],
)
def test_new_values_of_a_dtype_that_fits(dtype, given, change):
    """They are converted to the dtype of the tokens."""
    tokens = Tokens.from_pytree({"a": np.zeros((1, 1, 1), dtype)}, {})
    changed = CHANGES[change](tokens, np.ones((1, 1, 1), given))
    assert changed.data.dtype == dtype
    assert changed.data.tolist() == [[[1]]]


@pytest.mark.parametrize("library", [np, jnp])
def test_decode_of_tokens_that_are_too_narrow(library):
    """The message has the widths, not an internal size."""
    tokens = Tokens.from_pytree({"a": np.zeros((1, 2, 3))}, {})
    flat = library.zeros((1, 2, 2))
    for decode in (
        lambda: tokens.decode(flat),
        lambda: tokens.select_tokens(["a"]).decode(flat),
        lambda: decode_pytree(flat, tokens.slices, (1,)),
    ):
        with pytest.raises(ValueError, match=r"'a'.* 3 .* 2"):
            decode()


# Joining.


def test_joining_faults_are_all_listed():
    """Keys, labels, shapes, rules and samples of all operands are compared."""
    a = Tokens.from_pytree(
        {"x": np.zeros((1, 2, 2)), "y": np.zeros((1, 1, 1))},
        {"local": ["x"]},
        {"y": np.zeros((1, 2))},
    )
    b = Tokens.from_pytree(
        {"x": np.zeros((1, 2, 1)), "y": np.zeros((1, 1, 1, 1))},
        {},
        labels={"x": 4, "y": 1},
    )
    c = Tokens.from_pytree({"x": np.zeros((1, 1, 2))}, {})
    with pytest.raises(ValueError) as caught:
        concatenate_tokens(a, b, c)
    assert str(caught.value).splitlines() == [
        "Cannot join Tokens:",
        "  - the label of 'x' is 4 in operand 1, 0 in operand 0",
        "  - the batch shape of 'x' is (1,) in operand 1, (2,) in operand 0",
        "  - the number of functional inputs of 'y' is None in operand 1, 2 "
        "in operand 0",
        "  - the number of event axes of 'y' is 2 in operand 1, 1 in operand 0",
        "  - the set of rules is {} in operand 1, {'local': ['x'], "
        "'cross': [], 'cross_local': []} in operand 0",
        "  - the width of tokens is 1 in operand 1, 2 in operand 0",
        "  - the list of keys is ['x'] in operand 2, ['x', 'y'] in operand 0",
    ]


# One call, one message.

A = {"a": np.zeros((1, 1, 1))}


def _built(data, rules=None, *given, **options):
    """Return a function that builds Tokens."""
    return lambda _: Tokens.from_pytree(data, rules, *given, **options)


def _two_axes(n):
    data = {"x": np.zeros((1, n, 2, 1))}
    return Tokens.from_pytree(data, {}, sample_ndims=2)


def _padded(n):
    sizes = {"a": np.ones((n, 1), int)}
    return Tokens.from_pytree(
        {"a": np.zeros((n, 2, 1))}, {}, event_shapes=sizes
    )


REFUSALS = {
    "rules without kinds": (
        _built(A, ["a"]),
        IndependenceError,
        "independence must be a dictionary whose keys are among ['local', "
        "'cross', 'cross_local'] and whose values are lists, not ['a'].",
    ),
    "a key as a list of rules": (
        _built(A, {"local": "a"}),
        IndependenceError,
        "Malformed independence: 'local' must be a list of rules, not 'a'.",
    ),
    "None as a list of rules": (
        _built(A, {"cross": None}),
        IndependenceError,
        "Malformed independence: 'cross' must be a list of rules, not None.",
    ),
    "rules by position on different numbers of tokens": (
        lambda _: build_self_attention_mask(
            {"a": _entry(2), "b": _entry(2, 3)},
            {"cross_local": [("a", "b", None)]},
        ),
        ValueError,
        "Cannot apply cross_local independence: without dimensions the keys "
        "must have the same number of tokens, but 'a' has 2 and 'b' has 6. "
        "Name the pair of dimensions to match.",
    ),
    "a negative number of sample axes": (
        _built(A, {}, None, -1),
        ValueError,
        "Numbers of axes cannot be negative, but sample_ndims is -1 and "
        "batch_ndims has {}.",
    ),
    "a negative number of batch axes": (
        _built(A, {}, batch_ndims={"a": -2}),
        ValueError,
        "Numbers of axes cannot be negative, but sample_ndims is 1 and "
        "batch_ndims has {'a': -2}.",
    ),
    "half a batch axis": (
        _built(A, {}, batch_ndims={"a": 0.5}),
        TypeError,
        "batch_ndims of 'a' must be an integer, not 0.5 of type float.",
    ),
    "batch axes of another key": (
        _built(A, {}, batch_ndims={"b": 1}),
        UnknownKeyError,
        "Key 'b' not found. Available keys: ['a']",
    ),
    "too small a width": (
        lambda _: flatten_pytree({"a": np.zeros((1, 1, 3))}, 1, None, -1e8, 2),
        ValueError,
        "max_batch_size 2 is too small: 'a' holds 3 values in a token",
    ),
    "a key without a label": (
        _built({**A, "b": A["a"]}, {}, labels={"a": 1}),
        UnknownKeyError,
        "Key 'b' not found. Available keys: ['a']",
    ),
    "two keys with one label": (
        _built({**A, "b": A["a"]}, {}, labels={"a": 1, "b": 1}),
        ValueError,
        "Several keys share a label in {'a': 1, 'b': 1}. Use a different "
        "integer for every key.",
    ),
    "one true size for two axes": (
        _built(
            {"obs": np.zeros((2, 5, 3, 1))},
            event_shapes={"obs": np.zeros((2, 1), int)},
        ),
        ValueError,
        "event_shapes of 'obs' has shape (2, 1), but its last axis must "
        "hold the 2 true sizes of the event shape (5, 3).",
    ),
    "true sizes of other samples": (
        _built(
            {"obs": np.zeros((2, 5, 3, 1))},
            event_shapes={"obs": np.zeros((3, 2), int)},
        ),
        ValueError,
        "event_shapes have the sample shape (3,), but the data have "
        "(2,). Pass sizes once, or once per sample.",
    ),
    "more samples of inputs than of data": (
        _built({"a": np.zeros((1, 2, 1))}, {}, {"a": np.zeros((3, 2, 1))}),
        ValueError,
        "The functional inputs have more samples than the data, whose sample "
        "shape is (1,). Pass each input once, or once per sample.",
    ),
    "inputs of other samples": (
        _built({"a": np.zeros((2, 2, 1))}, {}, {"a": np.zeros((3, 2, 1))}),
        ValueError,
        "The sample shapes of the functional inputs, {'a': (3,)}, do not fit "
        "the sample shape (2,). Pass each input once, or once per sample.",
    ),
    "slices of another form": (
        lambda _: build_self_attention_mask(
            {"a": {"offset": 0}, "b": {"event_shape": (1,), "size": 3}}, {}
        ),
        ValueError,
        "Entries of slices must have 'event_shape', and only "
        "['batch_shape', 'dims', 'event_shape', 'groups', 'offset']:\n"
        "  - the entry of 'a' has ['offset']\n"
        "  - the entry of 'b' has ['event_shape', 'size']",
    ),
    "new data of another shape": (
        lambda t: t.with_data(np.zeros((1, 21, 1))),
        ValueError,
        "data has shape (1, 21, 1), expected (2, 21, 1) (sample axes, "
        "tokens, width).",
    ),
    "new data of another shape than a view": (
        lambda t: t.select_tokens(["theta", "mu"]).with_data(
            np.zeros((2, 5, 1))
        ),
        ValueError,
        "data has shape (2, 5, 1), expected (2, 6, 1) (sample axes, tokens, "
        "width).",
    ),
    "fewer tokens than in the slices": (
        lambda _: decode_pytree(
            np.zeros((2, 95, 1)),
            {"a": _entry(60), "b": _entry(8, 5, offset=60)},
            (2,),
        ),
        ValueError,
        "Slice metadata specifies 100 tokens but flat array has 95 tokens",
    ),
    "tokens without a width": (
        lambda t: t.decode(np.zeros((21,))),
        ValueError,
        "Expected a token array of shape (*sample, n_tokens, width), got the "
        "shape (21,).",
    ),
    "decoding to other samples": (
        lambda t: decode_pytree(np.zeros((2, 21, 1)), t.slices, (3,)),
        ValueError,
        "sample_shape (3,) does not match the 2 samples of a flat array of "
        "shape (2, 21, 1).",
    ),
    "joining nothing": (
        lambda _: concatenate_tokens(),
        ValueError,
        "concatenate_tokens needs at least one Tokens.",
    ),
    "joining a view": (
        lambda t: concatenate_tokens(t, t.select_tokens(["mu"])),
        TypeError,
        "Operand 1 of concatenate_tokens is a TokenView, expected Tokens. For "
        "a view, join view.to_tokens().",
    ),
    "joining without a sample axis": (
        lambda t: concatenate_tokens(t[0]),
        ValueError,
        "Cannot join Tokens: operand 0 has no sample axis",
    ),
    "joining other second sample axes": (
        lambda _: concatenate_tokens(_two_axes(2), _two_axes(3)),
        ValueError,
        "Cannot join Tokens: operand 1 has the sample shape (1, 3), but "
        "operand 0 has (1, 2): only the first axis may differ",
    ),
    "attention to a foreign layout": (
        lambda t: t.attention_mask(
            Tokens.from_pytree({"mu": np.zeros((2, 1, 1))}, {})
        ),
        ValueError,
        "The two sets of tokens were selected from different layouts: "
        "TokenLayout(mu: (1,)+(1,), theta: (5,)+(1,), obs: (5, 3)+(1,)) and "
        "TokenLayout(mu: (1,)+(1,)). Select both from Tokens that were built "
        "with the same keys, shapes and rules.",
    ),
    "attention to other samples": (
        lambda _: _padded(2).attention_mask(_padded(3)),
        ValueError,
        "The queries have 2 samples, but the keys have 3. Pass the same number "
        "for both, or a single sample for one of them.",
    ),
    "an unknown choice for empty rows": (
        lambda t: t.attention_mask(empty_rows="none"),
        ValueError,
        "empty_rows must be one of ['self', 'all', 'error'], not 'none'.",
    ),
    "empty rows": (
        lambda _: Tokens.from_pytree(
            {"mu": np.zeros((1, 1, 1)), "obs": np.zeros((1, 3, 1))},
            {"local": ["obs"], "cross": [("obs", "mu")]},
        ).attention_mask(empty_rows="error"),
        ValueError,
        "The rules leave 3 of 4 tokens nothing to attend to, the first at "
        "position 1. Choose empty_rows='self' or 'all', or relax the rules.",
    ),
}


@pytest.mark.parametrize(
    ("call", "error", "message"), REFUSALS.values(), ids=list(REFUSALS)
)
def test_refusals(tokens, call, error, message):
    with refused(error, message):
        call(tokens)
