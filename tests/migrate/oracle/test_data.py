"""Oracle compared with all stored legacy calls on data."""

import ast
import random
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from nightly import some_of
from stored_calls import cases_of, stored_files
from tfmpe.migrate import oracle
from tfmpe.migrate.oracle import product_masks
from tfmpe.migrate.replay.replay import replay

FILES = (
    *("combine_data", "decode_theta", "encode_unknown_theta"),
    *("flatten_index", "flatten_structured", "make_attention_masks"),
    *("pad_multidim_event", "split_data"),
)


# Every function in one of the examples.
_FILES = stored_files(*FILES)
_FILES = some_of(
    _FILES,
    {file.split("/")[1]: file for file in _FILES}.values(),
    "stored calls",
)
EVERY = pytest.param(10_000, marks=pytest.mark.nightly("stored calls"))


@pytest.mark.parametrize("file", _FILES)
@pytest.mark.parametrize("at_most", [1, EVERY])
def test_oracle_repeats_the_stored_calls(file, at_most):
    """Bits, types, key order, changed arguments and exceptions are equal."""
    cases = cases_of(file)
    for case in random.Random(0).sample(cases, min(len(cases), at_most)):
        result = replay(case, lambda name: getattr(oracle, name))
        assert result.identical, (case, *map(str, result.differences))


def test_oracle_does_not_import_the_package():
    """With shared code, both could be wrong in the same way."""
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in getattr(node, "names", [])]
            names.append(getattr(node, "module", None) or "")
            assert not any(name.split(".")[0] == "tfmpe" for name in names)
            assert getattr(node, "level", 0) <= 1


def test_legacy_pairs_elementwise_and_the_core_as_a_product(picture):
    """They differ if both sides have several tokens per coordinate (L9)."""
    place = {"offset": 0, "event_shape": (2, 2), "batch_shape": (1,)}
    unit, obs = {"unit": place}, {"obs": place}
    independence = {"cross_local": [("unit", "obs", (0, 0))]}
    legacy = oracle.build_cross_attention_mask(unit, obs, independence)
    assert picture(legacy != 0) == ["#...", ".#..", "..#.", "...#"]
    core = product_masks.cross_mask(unit, obs, independence)
    assert picture(core) == ["##..", "##..", "..##", "..##"]


PADDED = {"int8": -128, "uint8": 0, "bool": True, "float16": -np.inf}
PADDED["int32"] = -100_000_000


@pytest.mark.parametrize(("dtype", "expected"), PADDED.items())
def test_pad_value_takes_the_type_of_each_leaf(dtype, expected):
    """It is saturated, cut or infinite (L14), and then dtypes are joined."""
    leaf, other = jnp.ones((1, 1, 1), dtype), jnp.ones((1, 1, 1))
    y = {"c": jnp.ones((1, 1, 2), dtype)}
    for theta in ({"a": leaf}, {"a": leaf, "b": other}):
        flat, _ = oracle.flatten_structured({"theta": theta, "y": y})
        values = flat["data"]["theta"][0]
        assert values.dtype == jnp.result_type(*theta.values())
        assert values[0, 1] == expected
    assert values[1, 1] == np.float32(-1e8)
