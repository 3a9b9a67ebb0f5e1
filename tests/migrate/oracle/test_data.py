"""The plain oracle, checked against every stored legacy call."""

import ast
from math import prod
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from stored_calls import stored_cases
from tfmpe.migrate import oracle
from tfmpe.migrate.oracle import product_masks
from tfmpe.migrate.replay.replay import replay

FILES = (
    *("combine_data", "decode_theta", "encode_unknown_theta"),
    *("flatten_index", "flatten_structured", "make_attention_masks"),
    *("pad_multidim_event", "split_data"),
)
CASES = stored_cases(*FILES)
WITH_ATTENTION = [
    case
    for case in CASES
    if case.function == "flatten_structured"
    and case.raises is None
    and "attention" in case.output[0].get("masks", {})
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_oracle_repeats_the_stored_call(case):
    """Same bits, types, key order, changed arguments or exception type."""
    result = replay(case, lambda name: getattr(oracle, name))
    assert result.identical, "\n".join(map(str, result.differences))


def test_oracle_does_not_import_the_package():
    """Sharing code would make both wrong together."""
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", [])]
            names.append(getattr(node, "module", None) or "")
            assert not any(name.split(".")[0] == "tfmpe" for name in names)
            assert getattr(node, "level", 0) <= 1


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
    ids=str,
)
def test_product_masks_are_the_stored_ones_where_pairing_agrees(stored):
    """Every stored attention mask whose rules pair one token with many."""
    independence = stored.kwargs["independence"]
    flat, slices = stored.output
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
