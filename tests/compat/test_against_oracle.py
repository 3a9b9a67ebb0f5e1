"""Equality of bridge and oracle on random calls.

The oracle would compile a few kernels for every case, so in most cases its
``jax.numpy`` is replaced by :class:`OnHost`, a NumPy equivalent that is tested
as well.
"""

import copy
import math
import warnings
from contextlib import ExitStack
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compat.values import assert_identical
from strategies import (
    DTYPES,
    LAYOUTS,
    NAMES,
    PAD_VALUES,
    SEEDS,
    array_of,
    cases,
    flat_dicts,
    legacy_calls,
    rules,
)
from tfmpe import compat
from tfmpe.migrate import oracle

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    # Values that overflow a narrow dtype: jax is silent, NumPy warns.
    pytest.mark.filterwarnings("ignore:overflow encountered in cast"),
    # Ones in the dtype of the data, as in the legacy function.
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype"),
]


class OnHost:
    """The part of ``jax.numpy`` that the oracle uses, without compilation.

    Everything else is passed on to ``jax.numpy``, including errors.
    """

    float32 = jnp.float32
    array = staticmethod(np.array)
    expand_dims = staticmethod(np.expand_dims)
    stack = staticmethod(np.stack)
    all = staticmethod(np.all)
    ones = staticmethod(np.ones)

    @staticmethod
    def pad(array, widths, constant_values):
        """Pad like ``jnp.pad``, which converts the pad value in its own way."""
        array = _canonical(array)
        shape = [n + sum(w) for n, w in zip(array.shape, widths, strict=True)]
        if any(min(w) < 0 for w in widths):
            return jnp.pad(array, widths, constant_values=constant_values)
        padded = np.full(shape, _fill(array.dtype, constant_values))
        padded[tuple(slice(n) for n in array.shape)] = array
        return padded

    @staticmethod
    def concatenate(arrays, axis=0):
        """Concatenate in the dtype to which jax promotes."""
        try:
            dtype = jnp.result_type(*arrays)
            arrays = [_canonical(array).astype(dtype) for array in arrays]
            return np.concatenate(arrays, axis)
        except (ValueError, TypeError, IndexError):
            return np.asarray(jnp.concatenate(arrays, axis))

    @staticmethod
    def broadcast_to(array, shape):
        """Broadcast in a dtype that jax supports."""
        return np.broadcast_to(_canonical(array), shape)


def _canonical(array):
    return np.asarray(array, jax.dtypes.canonicalize_dtype(array.dtype))


_FILLS = {}


def _fill(dtype, value):
    # Equality is not enough: -0.0, and integers not exact in float32.
    key = (dtype, type(value), str(value))
    if key not in _FILLS:
        padded = jnp.pad(np.zeros(1, dtype), (0, 1), constant_values=value)
        _FILLS[key] = np.asarray(padded)[1]
    return _FILLS[key]


def on_host(function):
    """Return a function of the oracle that computes with NumPy."""

    def call(*args, **kwargs):
        with ExitStack() as stack:
            for module in (
                oracle.attention,
                oracle.combine,
                oracle.flatten,
                oracle.masks,
                oracle.padding,
            ):
                stack.enter_context(mock.patch.object(module, "jnp", OnHost))
            return function(*args, **kwargs)

    return call


def as_jax(tree):
    """Return a tree with jax arrays; dicts keep their order."""
    if isinstance(tree, dict):
        return {name: as_jax(value) for name, value in tree.items()}
    if isinstance(tree, tuple) and not all(isinstance(n, int) for n in tree):
        return tuple(as_jax(value) for value in tree)
    # Not jnp.asarray, which compiles a kernel for every new shape.
    return jax.device_put(tree) if isinstance(tree, np.ndarray) else tree


def outcome(function, args, kwargs):
    """Return the result or exception of a call, and its arguments afterward."""
    # A copy of an array of jax compiles, and is the same.
    leaves = jax.tree.leaves((args, kwargs))
    same = {id(leaf): leaf for leaf in leaves if isinstance(leaf, jax.Array)}
    args, kwargs = copy.deepcopy((args, kwargs), same)
    try:
        return function(*args, **kwargs), None, (args, kwargs)
    except Exception as error:
        return None, error, (args, kwargs)


def assert_same(name, *args, oracle_args=None, host=True, **kwargs):
    """Call bridge and oracle; the outcomes must be bit-identical."""
    expect = getattr(oracle, name)
    wanted, refused, after = outcome(
        on_host(expect) if host else expect,
        args if oracle_args is None else oracle_args,
        kwargs,
    )
    found, error, found_after = outcome(getattr(compat, name), args, kwargs)
    assert type(error) is type(refused), f"{error!r} instead of {refused!r}"
    assert_identical(found, as_jax(wanted) if host else wanted)
    if oracle_args is None:
        assert_identical(found_after, after)


@given(legacy_calls())
@cases(300)
def test_flatten_structured(call):
    assert_same("flatten_structured", call.data, **call.kwargs)


@given(legacy_calls(faults=False))
@cases(200)
def test_flatten_structured_that_is_not_refused(call):
    expect = on_host(oracle.flatten_structured)
    wanted, refused, _ = outcome(expect, (call.data,), call.kwargs)
    if refused is None:
        found = compat.flatten_structured(call.data, **call.kwargs)
        assert_identical(found, as_jax(wanted))


def test_random_calls_return_and_are_refused():
    """The strategy often draws both; otherwise the tests above prove little."""
    counts = {True: 0, False: 0}
    seen = set()

    # The cases are the same in every run, so that no kind is missing by chance.
    @given(legacy_calls(faults=False))
    @settings(max_examples=300, derandomize=True)
    def count(call):
        expect = on_host(oracle.flatten_structured)
        wanted, refused, _ = outcome(expect, (call.data,), call.kwargs)
        counts[refused is None] += 1
        if refused is None:
            seen.update(wanted[0], wanted[0].get("masks", {}))

    count()
    assert min(counts[True], 2 * counts[False]) > 5
    assert seen >= {"data", "labels", "index", "attention", "padding"}


# Few shapes, because with jax arrays even the oracle's reshapes compile.
@st.composite
def _jax_calls(draw):
    def leaf(width):
        kind = draw(st.sampled_from(["float32", "int8", "float16"]))
        array = array_of((2, 2, width), kind, draw(SEEDS))
        return jnp.asarray(array) if draw(st.booleans()) else array

    data = {
        "theta": {"b": leaf(1), "a": leaf(1)},
        "y": {"obs": leaf(draw(st.sampled_from([1, 2])))},
    }
    kwargs = {"pad_value": draw(PAD_VALUES)}
    if draw(st.booleans()):
        kwargs["index"] = {name: jnp.ones((2, 2, 1)) for name in ("b", "obs")}
    if draw(st.booleans()):
        true = jnp.asarray(draw(st.sampled_from([[[1]], [[2], [0]]])))
        kwargs["event_shapes"] = {
            side: dict.fromkeys(entry, true) for side, entry in data.items()
        }
    return data, kwargs


@given(_jax_calls())
@cases(40, 10)
def test_flatten_structured_of_jax_arrays(call):
    """The oracle runs with ``jax.numpy``, to test its own dtypes."""
    data, kwargs = call
    assert_same("flatten_structured", data, host=False, **kwargs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_flattening_of_each_pair_of_types(dtype):
    """The oracle runs with ``jax.numpy``: promotion, padding and overflow."""
    for other in DTYPES:
        data = {
            "theta": {
                "a": array_of((2, 1, 1), dtype, 1),
                "b": array_of((2, 1, 1), other, 2),
            },
            "y": {"c": array_of((2, 1, 2), other, 3)},
        }
        assert_same("flatten_structured", data, host=False)


ONES = np.ones((2, 1, 1), np.float32)
WIDE = np.ones((2, 1, 2), np.float32)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int32", [16_777_217, 16_777_217.0, 16_777_217, 10**10]),
        ("float32", [-0.0, 0.0, -0.0, np.float64(0.1), None]),
        ("int8", [True, 1.5, -1]),
    ],
)
def test_the_pad_value_is_written_as_it_is(dtype, values):
    """Equal values of a different dtype or sign have different bits."""
    data = {"theta": {"a": ONES.astype(dtype)}, "y": {"b": WIDE.astype(dtype)}}
    for value in values:
        assert_same("flatten_structured", data, host=False, pad_value=value)


def test_a_pad_value_may_be_an_array():
    data = {"theta": {"a": ONES}, "y": {"b": WIDE}}
    value = jnp.float32(-3.0)
    assert_same("flatten_structured", data, host=False, pad_value=value)


@pytest.mark.parametrize("first", [3.0, 3])
@pytest.mark.parametrize("second", [None, "float32", "int8", "float16"])
def test_weakly_typed_arrays(first, second):
    """Arrays such as those of ``jnp.full`` take the dtype of other operands."""
    other = jnp.full((2, 1, 1), 2) if second is None else ONES.astype(second)
    data = {
        "theta": {"a": jnp.full((2, 1, 1), first), "b": other},
        "y": {"c": WIDE},
    }
    assert_same("flatten_structured", data, host=False)


def test_a_rule_that_does_not_act_may_be_malformed():
    """Its dimensions are not checked, because its first key belongs to y."""
    data = {"theta": {"a": ONES}, "y": {"b": WIDE}}
    inert = {"cross_local": [("b", "a", 5)]}
    assert_same("flatten_structured", data, host=False, independence=inert)


def test_nothing_warns_of_overflow():
    """The oracle does not warn when int32 padding becomes float16."""
    data = {
        "theta": {"a": ONES.astype("int32"), "b": ONES.astype("float16")},
        "y": {"c": WIDE},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oracle.flatten_structured(data)
        compat.flatten_structured(data)


def test_sides_come_in_the_order_of_flatten_structured():
    """The order does not depend on the operands; other entries are dropped."""
    flat = {"data": {"other": ONES, "y": ONES, "theta": ONES}}
    assert_same("combine_data", flat, flat, host=False)


@given(flat_dicts(), PAD_VALUES, st.booleans())
@cases(150)
def test_combine_data(operands, pad_value, in_jax):
    given_arrays = as_jax(operands) if in_jax else operands
    plain = jax.tree.map(np.asarray, given_arrays)
    assert_same(
        "combine_data", *given_arrays, oracle_args=plain, pad_value=pad_value
    )


@given(flat_dicts(), flat_dicts())
@cases(20)
def test_combine_data_of_combined_data(first, second):
    """Join three or more data sets; masks may have one copy per sample."""
    x, refused, _ = outcome(on_host(oracle.combine_data), first, {})
    if refused is None:
        assert_same("combine_data", x, second[0])
        assert_same("combine_data", second[1], x)


@st.composite
def _slices(draw):
    shapes = draw(st.dictionaries(st.sampled_from("abcd"), LAYOUTS, min_size=1))
    slices, offset = {}, 0
    for name, shape in shapes.items():
        batch = tuple(draw(st.lists(st.integers(1, 2), max_size=2)))
        slices[name] = {
            "offset": offset,
            "event_shape": shape,
            "batch_shape": batch,
        }
        offset += math.prod(shape)
    return dict(draw(st.permutations(list(slices.items()))))


@given(st.data())
@cases(150)
def test_build_masks(data):
    """The order of keys may differ from their offsets, as it does after jit."""
    queries, keys = data.draw(_slices()), data.draw(_slices())
    for slices in (queries, keys):
        shapes = {name: s["event_shape"] for name, s in slices.items()}
        drawn = data.draw(rules(shapes, ("z",), fitting=False))
        assert_same("build_self_attention_mask", slices, drawn)
        assert_same("build_cross_attention_mask", queries, keys, drawn)


@given(st.data())
@cases(100)
def test_build_padding_mask(data):
    slices = data.draw(_slices())
    lead = data.draw(st.sampled_from([(), (1,), (2,), (2, 1)]))
    sizes = {
        name: array_of((*lead, len(entry["event_shape"])), "int32", i) % 4
        for i, (name, entry) in enumerate(slices.items())
    }
    assert_same("build_padding_mask", slices, sizes)


@given(st.data())
@cases(150)
def test_decode_theta(data):
    """Also test wrong shapes, too few tokens, and too many tokens."""
    slices = data.draw(_slices())
    n_tokens = sum(math.prod(s["event_shape"]) for s in slices.values())
    width = max(math.prod(s["batch_shape"]) for s in slices.values())
    lead = data.draw(st.sampled_from([(), (2,), (2, 3), (0,), (1,)]))
    shape = data.draw(
        st.sampled_from([lead, lead, lead, (6,), (math.prod(lead),), (-1,)])
    )
    more = st.sampled_from([0, 0, 0, 1, -1])
    size = (max(n_tokens + data.draw(more), 0), max(width + data.draw(more), 0))
    theta = array_of((*lead, *size), data.draw(st.sampled_from(DTYPES)))
    assert_same("decode_theta", theta, slices, shape, host=False)
    _, refused, _ = outcome(oracle.decode_theta, (theta, slices, shape), {})
    if refused is None:
        wanted = oracle.decode_theta(theta, slices, shape)
        found = compat.decode_theta(as_jax(theta), slices, shape)
        assert_identical(found, as_jax(wanted))


@given(st.data())
@cases(100)
def test_padding_of_arrays(data):
    shape = data.draw(LAYOUTS)
    dtype = data.draw(st.sampled_from(DTYPES))
    array = array_of(shape, dtype, data.draw(SEEDS))
    sizes = data.draw(st.lists(st.integers(1, 4), max_size=2).map(tuple))
    # Negative axes count from the end, and axes wrap around.
    start = data.draw(st.integers(-len(shape), len(shape)))
    value = data.draw(PAD_VALUES)
    given_array = jnp.asarray(array) if data.draw(st.booleans()) else array
    for name, rest in (
        ("pad_multidim_event", (start, sizes, value)),
        ("pad_1d", (3, value)),
        ("pad_2d", (3, value)),
        ("pad_2d_cross", (2, 3, value)),
    ):
        plain = (np.asarray(given_array), *rest)
        assert_same(name, given_array, *rest, oracle_args=plain)


@given(st.data())
@cases(100)
def test_flatten_index(data):
    """Keys have any order; some shapes do not fit."""
    n = data.draw(st.integers(0, 2))
    keys = st.lists(st.sampled_from(NAMES), unique=True, max_size=3)
    widths = data.draw(st.sampled_from([[1], [2], [1, 1, 1, 2]]))
    index = {}
    for name in data.draw(keys):
        lead = (2,) * n if data.draw(st.integers(0, 15)) else (3,) * n
        shape = (*lead, *data.draw(LAYOUTS), data.draw(st.sampled_from(widths)))
        dtype = data.draw(st.sampled_from(DTYPES))
        index[name] = array_of(shape, dtype, data.draw(SEEDS))
    assert_same("_flatten_index", index, -1e8, n)


@pytest.mark.parametrize("numpy", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    ("rows", "size", "split"),
    [(4, 4, 0.5), (1, 4, 0.8), (4, 6, 0.5), (2, 4, 0.0), (4, 4, 1.0)],
)
def test_split_data(rows, size, split, shuffle, numpy):
    data = {"b": array_of((rows, 1)), "a": {"c": array_of((4, 1), "int8")}}
    data = data if numpy else as_jax(data)
    args = (data, size, split, jax.random.key(3) if shuffle else None)
    assert_same("split_data", *args, oracle_args=args, host=False)


@st.composite
def _masks(draw):
    sizes = {"theta": draw(st.integers(0, 2)), "y": 2}
    n = draw(st.integers(1, 2))

    def mask(*shape):
        return array_of(shape, "bool", draw(SEEDS)).astype("float32")

    masks = {}
    if draw(st.booleans()):
        masks["padding"] = {k: mask(n, size) for k, size in sizes.items()}
    if draw(st.booleans()):
        rows = draw(st.sampled_from([1, n]))
        t, y = sizes["theta"], sizes["y"]
        masks["attention"] = {
            "y": mask(rows, y, y),
            "theta": mask(rows, t, t),
            "cross": mask(rows, t, y),
        }
    return masks if masks or draw(st.booleans()) else None


@given(_masks(), st.booleans())
@cases(100, 20)
def test_make_attention_masks(masks, in_jax):
    given_masks = as_jax(masks) if in_jax else masks
    assert_same("_make_attention_masks", given_masks, oracle_args=(masks,))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_oracle_on_the_host_is_the_oracle(dtype):
    """The replacement of ``jax.numpy`` gives the same dtypes and bits."""
    array = array_of((2, 3), dtype)
    for value in (-1e8, -7.5, 0.0, -0.0, np.nan, 3, -999_999_999):
        widths = [(0, 0), (0, 2)]
        wanted = jnp.pad(array, widths, constant_values=value)
        found = OnHost.pad(array, widths, constant_values=value)
        assert_identical(found, np.asarray(wanted))
    for other in DTYPES:
        pair = [array, array_of((1, 3), other, 1)]
        wanted = np.asarray(jnp.concatenate(pair))
        assert_identical(OnHost.concatenate(pair), wanted)
    wanted = np.asarray(jnp.broadcast_to(array, (2, 2, 3)))
    assert_identical(OnHost.broadcast_to(array, (2, 2, 3)), wanted)
    with pytest.raises(TypeError, match="shapes"):
        OnHost.concatenate([array, array[:, :2]])
    with pytest.raises(ValueError, match="at least one array"):
        OnHost.concatenate([])
