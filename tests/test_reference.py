"""The plain oracle, checked against every stored legacy call."""

import ast
import builtins
from math import prod
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from reference.stored import (
    abstract_leaves,
    assert_same,
    rebuild,
    stored_cases,
)
from tfmpe.migrate import oracle
from tfmpe.migrate.oracle import product_masks

FUNCTIONS = {
    "combine_data": oracle.combine_data,
    "decode_theta": oracle.decode_theta,
    "encode_unknown_theta": oracle.encode_unknown_theta,
    "flatten_index": oracle._flatten_index,
    "flatten_structured": oracle.flatten_structured,
    "make_attention_masks": oracle._make_attention_masks,
    "pad_multidim_event": oracle.pad_multidim_event,
    "split_data": oracle.split_data,
}
CASES = stored_cases(FUNCTIONS)


def _holds(node, *path):
    for key in path:
        node = dict(node["items"]).get(key) if node else None
    return node is not None


WITH_ATTENTION = [
    stored
    for stored in CASES
    if stored.function == "flatten_structured"
    and "output" in stored.case
    and _holds(stored.case["output"]["items"][0], "masks", "attention")
]


def _draw(mask):
    return ["".join("#" if x else "." for x in row) for row in mask]


def _slices(**event_shapes):
    slices = {}
    offset = 0
    for key, shape in event_shapes.items():
        slices[key] = {
            "offset": offset,
            "event_shape": shape,
            "batch_shape": (1,),
        }
        offset += prod(shape)
    return slices


def _call_traced(stored, function):
    case, arrays = stored.case, stored.arrays

    def traced(*tracers):
        tracers = iter(tracers)
        args = rebuild(case["args"], arrays, tracers)
        kwargs = rebuild(case["kwargs"], arrays, tracers)
        # Inside, because leaving a traced function sorts dict keys.
        assert_same(case["output"], function(*args, **kwargs), arrays)

    leaves = abstract_leaves(case["args"]) + abstract_leaves(case["kwargs"])
    jax.eval_shape(traced, *leaves)


@pytest.mark.parametrize("stored", CASES, ids=lambda stored: stored.name)
def test_oracle_repeats_the_stored_call(stored):
    """Same bits, types, key order, changed arguments or exception type."""
    case, arrays = stored.case, stored.arrays
    function = FUNCTIONS[stored.function]
    if case.get("traced"):
        _call_traced(stored, function)
        return
    args = rebuild(case["args"], arrays)
    kwargs = rebuild(case["kwargs"], arrays)

    if "raises" in case:
        expected = getattr(builtins, case["raises"]["type"])
        with pytest.raises(expected) as raised:
            function(*args, **kwargs)
        assert raised.type is expected
    else:
        assert_same(case["output"], function(*args, **kwargs), arrays)

    args_after = case.get("args_after", case["args"])
    assert_same(args_after, args, arrays, "args")
    kwargs_after = case.get("kwargs_after", case["kwargs"])
    assert_same(kwargs_after, kwargs, arrays, "kwargs")


def test_every_function_and_example_has_stored_cases():
    """Nothing is skipped silently because a file was not found."""
    found = {(stored.example, stored.function) for stored in CASES}
    examples = ("hierarchical_brownian", "hierarchical_gaussian", "seir")
    expected = {
        (example, function)
        for example in examples
        for function in FUNCTIONS
        if function != "encode_unknown_theta"
    }
    # The Gaussian example has no functional inputs.
    expected.remove(("hierarchical_gaussian", "flatten_index"))
    expected |= {
        ("errors", function)
        for function in (
            "combine_data",
            "decode_theta",
            "encode_unknown_theta",
            "flatten_structured",
            "pad_multidim_event",
        )
    }
    assert found == expected


def test_oracle_does_not_import_the_package():
    """Sharing code would make both wrong together."""
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", [])]
            names.append(getattr(node, "module", None) or "")
            assert not any(name.split(".")[0] == "tfmpe" for name in names)
            assert getattr(node, "level", 0) <= 1


ARRAY = {
    "t": "array",
    "npz": "a0",
    "shape": [2],
    "dtype": "float32",
    "lib": "jax",
    "weak_type": False,
}


@pytest.mark.parametrize(
    "wrong",
    [
        jnp.array([1, 2], jnp.int32),
        jnp.array([[1.0, 2.0]]),
        jnp.array([1.0, 3.0]),
        np.array([1.0, 2.0], np.float32),
        jnp.array([1.0, -0.0]),
    ],
    ids=["dtype", "shape", "value", "library", "sign of zero"],
)
def test_comparison_of_arrays_can_fail(wrong):
    """What the stored cases promise is really looked at."""
    second = 0.0 if wrong.ravel()[1] == 0 else 2.0
    arrays = {"a0": np.array([1.0, second], np.float32)}
    assert_same(ARRAY, jnp.asarray(arrays["a0"]), arrays)
    with pytest.raises(AssertionError):
        assert_same(ARRAY, wrong, arrays)


def test_comparison_of_key_order_can_fail():
    """Equal dicts in another order are not the same."""
    one, two = {"t": "int", "v": 1}, {"t": "int", "v": 2}
    node = {"t": "dict", "items": [["b", one], ["a", two]]}
    assert_same(node, {"b": 1, "a": 2}, {})
    with pytest.raises(AssertionError, match="keys"):
        assert_same(node, {"a": 2, "b": 1}, {})


def test_pictures_of_the_legacy_masks():
    """Two sites, two observations each: the rules of the Gaussian example."""
    independence = {
        "local": ["obs", "theta"],
        "cross": [("mu", "obs"), ("obs", "mu")],
        "cross_local": [("theta", "obs", (0, 0))],
    }
    every = _slices(mu=(1,), theta=(2,), obs=(2, 2))
    mask = oracle.build_self_attention_mask(every, independence)
    assert mask.dtype == jnp.float32
    assert _draw(mask) == [
        "###....",
        "#..##..",
        "#....##",
        ".#.....",
        ".#.....",
        "..#....",
        "..#....",
    ]
    theta, obs = _slices(mu=(1,), theta=(2,)), _slices(obs=(2, 2))
    mask = oracle.build_cross_attention_mask(theta, obs, independence)
    assert _draw(mask) == ["....", "##..", "..##"]
    mask = oracle.build_cross_attention_mask(obs, theta, independence)
    assert _draw(mask) == [".##"] * 4


def test_legacy_pairs_elementwise_and_the_core_as_a_product():
    """Where both sides have several tokens per coordinate (defect L9)."""
    unit, obs = _slices(unit=(2, 2)), _slices(obs=(2, 2))
    independence = {"cross_local": [("unit", "obs", (0, 0))]}
    legacy = oracle.build_cross_attention_mask(unit, obs, independence)
    assert _draw(legacy) == ["#...", ".#..", "..#.", "...#"]
    core = product_masks.cross_mask(unit, obs, independence)
    assert core.dtype == bool
    assert _draw(core) == ["##..", "##..", "..##", "..##"]


def _pairs_one_to_many(slices, independence):
    """Whether elementwise pairing and the product are the same."""
    for a, b, index_map in independence.get("cross_local", []):
        if a not in slices or b not in slices or index_map is None:
            continue
        if all(
            prod(slices[key]["event_shape"]) != slices[key]["event_shape"][dim]
            for key, dim in zip((a, b), index_map, strict=True)
        ):
            return False
    return True


@pytest.mark.parametrize(
    "stored",
    WITH_ATTENTION,
    ids=lambda stored: stored.name,
)
def test_product_masks_are_the_stored_ones_where_pairing_agrees(stored):
    """Every stored attention mask whose rules pair one token with many."""
    kwargs = rebuild(stored.case["kwargs"], stored.arrays)
    independence = kwargs["independence"]
    flat, slices = rebuild(stored.case["output"], stored.arrays)
    stored_masks = flat["masks"]["attention"]
    theta, y = slices["theta"], slices["y"]
    for side in ("theta", "y"):
        if _pairs_one_to_many(slices[side], independence):
            mask = product_masks.self_mask(slices[side], independence)
            np.testing.assert_array_equal(mask, stored_masks[side][0] == 1)
    if _pairs_one_to_many({**theta, **y}, independence):
        mask = product_masks.cross_mask(theta, y, independence)
        np.testing.assert_array_equal(mask, stored_masks["cross"][0] == 1)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (("w", "w", (0, 0)), ["##..", "##..", "..##", "..##"]),
        (("w", "w", (0, 1)), ["###.", "#.##", "##.#", ".###"]),
        (("w", "w", None), ["#...", ".#..", "..#.", "...#"]),
        (("w", "w", (-2, -2)), ["##..", "##..", "..##", "..##"]),
    ],
)
def test_product_masks_of_a_key_with_itself(rule, expected):
    """A rule of a key with itself opens both of its ways."""
    mask = product_masks.self_mask(_slices(w=(2, 2)), {"cross_local": [rule]})
    assert _draw(mask) == expected


@pytest.mark.parametrize(
    "rule",
    [
        ("a", "b", None),
        ("a", "b", (1, 0)),
        ("a", "b", (-2, 0)),
        ("a", "b", (0, 0)),
    ],
)
def test_product_masks_refuse_rules_that_do_not_fit(rule):
    """Sizes that differ and dimensions that do not exist."""
    a, b = _slices(a=(2,)), _slices(b=(3, 2))
    independence = {"cross_local": [rule]}
    with pytest.raises(ValueError, match="'a'"):
        product_masks.cross_mask(a, b, independence)
    both = _slices(a=(2,), b=(3, 2))
    with pytest.raises(ValueError, match="'a'"):
        product_masks.self_mask(both, independence)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (jnp.int8, -128),
        (jnp.uint8, 0),
        (jnp.bool_, True),
        (jnp.float16, -np.inf),
        (jnp.int32, -100_000_000),
    ],
)
def test_pad_value_takes_the_type_of_each_leaf(dtype, expected):
    """Saturated, cut or infinite, as the type has it (surprise L14)."""
    data = {
        "theta": {"a": jnp.ones((1, 1, 1), dtype)},
        "y": {"b": jnp.ones((1, 1, 2), dtype)},
    }
    flat, _ = oracle.flatten_structured(data)
    assert flat["data"]["theta"].dtype == dtype
    assert flat["data"]["theta"][0, 0, 1] == expected


def test_pad_value_is_cast_before_types_are_joined():
    """An int8 leaf beside a float32 one is filled with -128."""
    data = {
        "theta": {
            "a": jnp.ones((1, 1, 1), jnp.int8),
            "b": jnp.ones((1, 1, 1), jnp.float32),
        },
        "y": {"c": jnp.ones((1, 1, 2))},
    }
    flat, _ = oracle.flatten_structured(data)
    values = np.asarray(flat["data"]["theta"][0])
    np.testing.assert_array_equal(
        values, np.array([[1, -128], [1, -1e8]], np.float32)
    )


def test_no_value_axes_and_no_sample_axes_is_one_token():
    """``shape[-0:]`` is the whole shape, so the array becomes one token."""
    data = {
        "theta": {"a": jnp.arange(6.0).reshape(2, 3)},
        "y": {"b": jnp.ones(2)},
    }
    flat, slices = oracle.flatten_structured(
        data,
        data_sample_ndims=0,
        data_batch_ndims={"theta": {"a": 0}, "y": {"b": 1}},
    )
    assert flat["data"]["theta"].shape == (1, 6)
    assert slices["theta"]["a"]["event_shape"] == ()
    assert slices["theta"]["a"]["batch_shape"] == (2, 3)
    assert flat["data"]["y"].tolist() == [[1, 1, -1e8, -1e8, -1e8, -1e8]]
