"""Comparison of trees: every kind of difference, and its path."""

import math
from collections import OrderedDict

import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.migrate.recordings.nodes import Abstract
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.replay.compare import Comparison, Tolerance, compare, joined


def f32(*values):
    return np.array(values, "float32")


ABSTRACT = Abstract((2,), "float32")
TREE = (
    {"b": f32(1, 2), "a": [1, 2.0, None, True, "x"]},
    {"slices": {"mu": {"offset": 0, "event_shape": (1,)}}},
)

SAME = {
    "tree": (TREE, TREE),
    "nan": (f32(math.nan, 1), f32(math.nan, 1)),
    "nan of other bits": np.uint32([[0x7FC00000], [0xFFC00001]]).view("f4"),
    "nan scalar": (math.nan, math.nan),
    "infinity": (f32(math.inf, -math.inf), f32(math.inf, -math.inf)),
    "minus zero": (f32(-0.0), f32(-0.0)),
    "empty": (np.zeros((0, 3)), np.zeros((0, 3))),
    "rank 0": (np.array(1.5), np.array(1.5)),
    "memory order": (np.ones((2, 3)), np.ones((3, 2)).T),
    "complex": (np.array([1j, math.nan]), np.array([1j, math.nan])),
    "numpy scalar": (np.int8(3), np.int8(3)),
    "abstract": (Abstract((2, 3), "float32"), jnp.zeros((2, 3))),
}


@pytest.mark.parametrize(("stored", "found"), SAME.values(), ids=SAME)
def test_equal_trees_are_identical(stored, found):
    comparison = compare(stored, found)
    assert comparison.identical
    assert comparison.absolute is None
    assert comparison.outcome == "identical"


DIFFERENT = {
    "int8 as int32": (np.int8([1]), np.int32([1]), ["dtype"]),
    "float32 as float64": (f32(1, 2), np.float64([1, 2]), ["dtype"]),
    "weakly typed": (jnp.float32(1), jnp.asarray(1.0), ["dtype"]),
    "bool as float": (np.array([True]), f32(1), ["dtype"]),
    "dtype, value": (np.int8([1]), np.int32([2]), ["dtype", "values"]),
    "jax as numpy": (jnp.ones(2), f32(1, 1), ["library"]),
    "numpy as jax": (f32(1, 1), jnp.ones(2), ["library"]),
    "shape": (f32(1), f32([1]), ["shape"]),
    "minus zero": (f32(0, 0), f32(0, -0.0), ["values"]),
    "minus zero scalar": (0.0, -0.0, ["values"]),
    "nan on one side": (f32(1, math.nan), f32(1, 1), ["values"]),
    "order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ["key order"]),
    "missing key": ({"a": 1, "b": 1}, {"a": 2}, ["structure", "values"]),
    "more keys": ({}, {"a": 1}, ["structure"]),
    "list as tuple": ((1,), [1], ["structure"]),
    "longer": ((1,), (1, 2), ["structure"]),
    "subclass of dict": ({"a": 1}, OrderedDict(a=1), ["structure"]),
    "bool as int": (True, 1, ["structure"]),
    "int as numpy": (1, np.int64(1), ["structure"]),
    "array as list": (f32(1), [1.0], ["structure"]),
    "None as array": (None, f32(1), ["structure"]),
    "text": ("a", "b", ["values"]),
    "abstract": (ABSTRACT, Abstract((3,), "int8"), ["dtype", "shape"]),
    "abstract as numpy": (ABSTRACT, f32(1), ["structure"]),
    "complex": (np.array([1 + 1j]), np.array([1 - 1j]), ["values"]),
    "large": (np.int64([2**60]), np.int64([2**60 + 1]), ["values"]),
}


@pytest.mark.parametrize(
    ("stored", "found", "kinds"), DIFFERENT.values(), ids=DIFFERENT
)
def test_a_difference_is_seen(stored, found, kinds):
    comparison = compare(stored, found)
    assert [d.kind for d in comparison.differences] == kinds
    assert comparison.outcome == "different"


def test_the_largest_differences_come_with_their_places():
    stored = ({"theta": np.zeros((4, 1, 2)), "y": f32(4, 1000)},)
    changed = np.zeros((4, 1, 2))
    changed[3, 0, 1] = 0.5
    comparison = compare(stored, ({"theta": changed, "y": f32(5, 1002)},))
    assert comparison.absolute.value == 2.0
    assert comparison.absolute.path == "output[0]['y'][1]"
    assert comparison.relative.number == math.inf
    assert comparison.relative.path == "output[0]['theta'][3, 0, 1]"


def test_the_largest_difference_of_what_is_no_number():
    comparison = compare(f32(1, math.nan), f32(1.5, 1))
    assert comparison.absolute.number == math.inf
    assert comparison.absolute.path == "output[1]"
    # A zero with the other sign has distance 0.
    comparison = compare(f32(0.0), f32(-0.0))
    assert comparison.absolute.value == comparison.relative.value == 0.0


NEAR = Tolerance(1e-3, 1e-3, "an integral with this error")


def test_a_tolerance_lets_near_values_pass_and_says_so():
    comparison = compare(f32(1, 2), f32(1.0005, 2), tolerance=NEAR)
    assert (comparison.outcome, comparison.agrees) == ("within tolerance", True)
    assert comparison.absolute.value == pytest.approx(5e-4, rel=1e-3)


OTHERS = [
    (f32(1, 2), f32(1.0005, 2.1)),
    (f32(1, 2), np.float64([1.0005, 2])),
    (f32(1, math.nan), f32(1, 1)),
    (f32(1, math.inf), f32(1, 1)),
    ((f32(1), 1), (f32(1.0005), 2)),
]


@pytest.mark.parametrize(("stored", "found"), OTHERS)
def test_a_tolerance_lets_nothing_else_pass(stored, found):
    assert not compare(stored, found, tolerance=NEAR).agrees


ULP = [
    *(("f4", 1.0, 1 + 2**-23, 1), ("f8", -1e-300, 1e-300, None)),
    *(("f2", 0.0, -0.0, 0), ("f4", -1e-45, 1e-45, 2)),
    ("f4", 1.0, math.nan, math.inf),
]


@pytest.mark.parametrize(("dtype", "old", "new", "ulp"), ULP)
def test_ulp_counts_the_numbers_in_between(dtype, old, new, ulp):
    found = compare(np.array([old], dtype), np.array([new], dtype)).ulp
    assert found is not None
    assert found.path == "output[0]"
    assert found.number == ulp if ulp is not None else found.number > 1e17


@pytest.mark.parametrize(
    ("far", "outcome"), [(5, "within tolerance"), (6, "different")]
)
def test_half_of_the_values_have_to_be_near(far, outcome):
    found = np.where(np.arange(10) < far, 0.05, 0.0)
    near = Tolerance(0.1, 0.0, "", median=1e-3)
    assert compare(np.zeros(10), found, tolerance=near).outcome == outcome


def test_comparisons_are_added_array_by_array():
    same = compare({"a": f32(1), "b": f32(1)}, {"a": f32(1), "b": f32(1)})
    other = compare({"a": f32(1)}, {"a": f32(3)})
    both = same + other
    assert both == joined([same, other]) == sum([same, other], Comparison())
    assert (both.outcome, both.tally.compared) == ("different", 1)
    a, b = both.arrays
    assert (a.path, b.path) == ("output['a']", "output['b']")
    assert (a.tally.identical, a.tally.different) == (1, 1)
    assert (a.tally.absolute.value, b.tally) == (2.0, Tally(identical=1))
