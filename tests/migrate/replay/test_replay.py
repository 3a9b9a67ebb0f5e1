"""Replaying a call: what is called, under what, and what is noticed."""

import os
import warnings
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.migrate.recordings.cases import Case, Raised
from tfmpe.migrate.recordings.nodes import Abstract, Opaque
from tfmpe.migrate.replay import silence
from tfmpe.migrate.replay.replay import replay, why_not

CASE = Case(
    example="seir",
    name="made_up",
    function="combine_data",
    args=({"z": jnp.ones(2), "a": np.zeros(2)}, [1]),
    kwargs={"options": {"n": 1}},
    output={"z": jnp.ones(2), "a": 3},
)


def differences(case, function):
    """Replay through one function; return the differences in words."""
    comparison = replay(case, lambda name: function)
    return [str(difference) for difference in comparison.differences]


def right(tree, numbers, options):
    return {"z": tree["z"], "a": 3}


def _sorted(tree, numbers, options):
    return {"a": 3, "z": tree["z"]}


def _tree(tree, numbers, options):
    tree["new"] = 1
    return right(tree, numbers, options)


def _numbers(tree, numbers, options):
    numbers[0] = 2
    return right(tree, numbers, options)


def _array(tree, numbers, options):
    tree["a"][0] = 2
    return right(tree, numbers, options)


def _options(tree, numbers, options):
    options["n"] = 2
    return right(tree, numbers, options)


def _raise(error):
    def function(*args, **kwargs):
        raise error

    return function


class MissingKeyError(KeyError):
    """A subclass is another type: `except` clauses may tell them apart."""


CHANGED = replace(CASE, kwargs_after={"options": {"n": 2}})
RAISED = replace(
    CASE, output=None, raises=Raised("KeyError", "builtins", "'masks'")
)
FOREIGN = replace(
    RAISED, raises=Raised("MissingKeyError", MissingKeyError.__module__, "")
)
NOTICED = [
    (CASE, right, None),
    (CASE, _sorted, "key order at output: 'a', 'z', was 'z', 'a'"),
    (
        CASE,
        _tree,
        "structure at args_after[0]: 'z', 'a', 'new', was 'z', 'a'",
    ),
    (CASE, _numbers, "values at args_after[1][0]: 2, was 1"),
    (
        CASE,
        _array,
        "values at args_after[0]['a'][0]: 2.0, was 0.0 (1 of 2 differ)",
    ),
    (CASE, _options, "values at kwargs_after['options']['n']: 2, was 1"),
    # An argument must be changed where it was.
    (CHANGED, _options, None),
    (CHANGED, right, "values at kwargs_after['options']['n']: 1, was 2"),
    # Of an exception the text does not matter, the class does.
    (RAISED, _raise(KeyError("other words")), None),
    (RAISED, right, "exception at output: returned, was raised KeyError"),
    (
        RAISED,
        _raise(ValueError("two\nlines")),
        "exception at output: raised ValueError (two lines), "
        "was raised KeyError",
    ),
    (
        RAISED,
        _raise(MissingKeyError("a")),
        "exception at output: raised MissingKeyError ('a'), "
        "was raised KeyError",
    ),
    (
        CASE,
        _raise(TypeError("no")),
        "exception at output: raised TypeError (no), was returned",
    ),
    (FOREIGN, _raise(MissingKeyError()), None),
    (
        FOREIGN,
        _raise(KeyError()),
        "exception at output: raised KeyError (), was raised MissingKeyError",
    ),
]


@pytest.mark.parametrize(("case", "function", "expected"), NOTICED)
def test_what_differs_is_noticed(case, function, expected):
    assert differences(case, function) == ([expected] if expected else [])
    # The recorded arguments themselves stay as they were.
    assert differences(CASE, right) == []


def test_a_function_that_is_not_there_is_a_difference_not_a_crash():
    def lookup(name):
        raise AttributeError(f"no {name}")

    (difference,) = replay(CASE, lookup).differences
    assert str(difference) == (
        "absent at output: no combine_data, was in the package"
    )


TRACED = replace(
    CASE,
    traced=True,
    args=({"z": Abstract((2, 3), "float32"), "a": jnp.ones(3)}, [1]),
    output={"z": Abstract((2, 3), "float32"), "a": Abstract((3,), "float32")},
)


def test_a_traced_case_is_called_with_tracers_where_it_had_them():
    seen = {}

    def function(tree, numbers, options):
        seen.update(tree)
        return {"z": tree["z"] + 1, "a": tree["a"] * 1.0}

    assert differences(TRACED, function) == []
    assert isinstance(seen["z"], jax.core.Tracer)
    assert not isinstance(seen["a"], jax.core.Tracer)
    assert list(seen) == ["z", "a"]


def test_a_traced_call_is_compared_by_dtype_shape_and_order():
    def function(tree, numbers, options):
        numbers.append(2)
        return {"a": tree["a"] * 1.0, "z": tree["z"].astype("int8")[:1]}

    assert differences(TRACED, function) == [
        "key order at output: 'a', 'z', was 'z', 'a'",
        "dtype at output['z']: int8, was float32",
        "shape at output['z']: (1, 3), was (2, 3)",
        "structure at args_after[1]: list of 2, was list of 1",
    ]


def test_what_cannot_be_traced_is_a_difference():
    def function(tree, numbers, options):
        return {"z": np.asarray(tree["z"]), "a": tree["a"]}

    (text,) = differences(TRACED, function)
    start = "exception at output: raised TracerArrayConversionError"
    assert text.startswith(start)


def test_warnings_are_silenced_and_the_setting_is_restored(monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "error")
    seen = []

    def function(*args, **kwargs):
        warnings.warn("a defect", stacklevel=1)
        seen.append(os.environ["TFMPE_COMPAT"])
        return right(*args, **kwargs)

    assert differences(CASE, function) == []
    assert seen == ["ignore"]
    assert os.environ["TFMPE_COMPAT"] == "error"
    monkeypatch.delenv("TFMPE_COMPAT")
    assert differences(CASE, function) == []
    assert "TFMPE_COMPAT" not in os.environ


@pytest.mark.parametrize(("status", "flags"), [(0, "--x"), (-6, "")])
def test_a_flag_is_set_only_where_a_process_bears_it(
    monkeypatch, status, flags
):
    tried = []

    def run(*args, env, **kwargs):
        tried.append(env["XLA_FLAGS"])
        return SimpleNamespace(returncode=status)

    monkeypatch.setattr(silence, "_NO_EMITTERS", "--x")
    monkeypatch.setattr(silence.subprocess, "run", run)
    monkeypatch.setenv("XLA_FLAGS", "")
    silence.compile_quickly()
    assert tried == ["--x"]
    assert os.environ["XLA_FLAGS"] == flags


def test_only_what_the_bridge_has_and_was_recorded_can_be_replayed():
    assert why_not(CASE) is None
    assert why_not(TRACED) is None
    assert why_not(replace(CASE, function="SFMPE.not_here")) is not None
    opaque = Opaque("<fn>")
    assert why_not(replace(CASE, kwargs={"options": opaque})) is not None
    assert why_not(replace(CASE, output=[opaque])) is not None
