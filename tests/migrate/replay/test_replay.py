"""Replay of a call: target, environment, and detected differences."""

import os
import warnings
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

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
    """Replay with one function; return descriptions of the differences."""
    comparison = replay(case, lambda name: function)
    return [str(difference) for difference in comparison.differences]


def right(tree, numbers, options):
    return {"z": tree["z"], "a": 3}


def _sorted(tree, numbers, options):
    return {"a": 3, "z": tree["z"]}


def _changing(change):
    """Return a correct function that changes its arguments."""

    def function(tree, numbers, options):
        change(tree, numbers, options)
        return right(tree, numbers, options)

    return function


_option = _changing(lambda tree, numbers, options: options.update(n=2))


def _raising(error):
    return Mock(side_effect=error)


class MissingKeyError(KeyError):
    """A subclass is a different type: `except` clauses can distinguish them."""


CHANGED = replace(CASE, kwargs_after={"options": {"n": 2}})
RAISED = replace(
    CASE, output=None, raises=Raised("KeyError", "builtins", "'masks'")
)
FOREIGN = replace(
    RAISED, raises=Raised("MissingKeyError", MissingKeyError.__module__, "")
)
KIND = "exception at output: "
NOTICED = [
    (CASE, right, None),
    (CASE, _sorted, "key order at output: 'a', 'z', was 'z', 'a'"),
    (
        CASE,
        _changing(lambda tree, *_: tree.update(new=1)),
        "structure at args_after[0]: 'z', 'a', 'new', was 'z', 'a'",
    ),
    (
        CASE,
        _changing(lambda tree, numbers, _: numbers.__setitem__(0, 2)),
        "values at args_after[1][0]: 2, was 1",
    ),
    (
        CASE,
        _changing(lambda tree, *_: tree["a"].put(0, 2)),
        "values at args_after[0]['a'][0]: 2.0, was 0.0 (1 of 2 differ)",
    ),
    (CASE, _option, "values at kwargs_after['options']['n']: 2, was 1"),
    # An argument must be changed if it was changed in the recording.
    (CHANGED, _option, None),
    (CHANGED, right, "values at kwargs_after['options']['n']: 1, was 2"),
    # The message of an exception is ignored, but its class is compared.
    (RAISED, _raising(KeyError("other words")), None),
    (RAISED, right, f"{KIND}returned, was raised KeyError"),
    (
        RAISED,
        _raising(ValueError("two\nlines")),
        f"{KIND}raised ValueError (two lines), was raised KeyError",
    ),
    (
        RAISED,
        _raising(MissingKeyError("a")),
        f"{KIND}raised MissingKeyError ('a'), was raised KeyError",
    ),
    (
        CASE,
        _raising(TypeError("no")),
        f"{KIND}raised TypeError (no), was return",
    ),
    (FOREIGN, _raising(MissingKeyError()), None),
    (
        FOREIGN,
        _raising(KeyError()),
        f"{KIND}raised KeyError (), was raised MissingKeyError",
    ),
]


@pytest.mark.parametrize(("case", "function", "expected"), NOTICED)
def test_what_differs_is_noticed(case, function, expected):
    found = differences(case, function)
    assert len(found) == (expected is not None)
    assert all(text.startswith(expected) for text in found)
    # The recorded arguments themselves are not changed.
    assert differences(CASE, right) == []


def test_a_function_that_is_not_there_is_a_difference_not_a_crash():
    def lookup(name):
        raise AttributeError(f"no {name}")

    (found,) = replay(CASE, lookup).differences
    assert str(found) == "absent at output: no combine_data, was in the package"


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

    def other(tree, numbers, options):
        numbers.append(2)
        return {"a": tree["a"] * 1.0, "z": tree["z"].astype("int8")[:1]}

    assert differences(TRACED, function) == []
    assert list(seen) == ["z", "a"]
    traced = [isinstance(each, jax.core.Tracer) for each in seen.values()]
    assert traced == [True, False]
    assert differences(TRACED, other) == [
        "key order at output: 'a', 'z', was 'z', 'a'",
        "dtype at output['z']: int8, was float32",
        "shape at output['z']: (1, 3), was (2, 3)",
        "structure at args_after[1]: list of 2, was list of 1",
    ]
    (text,) = differences(TRACED, lambda tree, *_, **__: np.asarray(tree["z"]))
    assert text.startswith(f"{KIND}raised TracerArrayConversionError")


@pytest.mark.parametrize("setting", ["error", None])
def test_warnings_are_silenced_and_the_setting_is_restored(
    monkeypatch, setting
):
    monkeypatch.setenv("TFMPE_COMPAT", setting or "")
    if setting is None:
        monkeypatch.delenv("TFMPE_COMPAT")

    def function(*args, **kwargs):
        warnings.warn("a defect", stacklevel=1)
        assert os.environ["TFMPE_COMPAT"] == "ignore"
        return right(*args, **kwargs)

    assert differences(CASE, function) == []
    assert os.environ.get("TFMPE_COMPAT") == setting


@pytest.mark.parametrize(("status", "flags"), [(0, "--x"), (-6, "")])
def test_a_flag_is_set_only_where_a_process_bears_it(
    monkeypatch, status, flags
):
    process = Mock(return_value=SimpleNamespace(returncode=status))
    monkeypatch.setattr(silence, "_FLAGS", "--x")
    monkeypatch.setattr(silence.subprocess, "run", process)
    monkeypatch.setenv("XLA_FLAGS", "")
    silence.compile_quickly()
    assert process.call_args.kwargs["env"]["XLA_FLAGS"] == "--x"
    assert os.environ["XLA_FLAGS"] == flags


def test_only_what_the_bridge_has_and_was_recorded_can_be_replayed():
    assert why_not(CASE) is why_not(TRACED) is None
    opaque = Opaque("<fn>")
    for changed in (
        *({"function": "SFMPE.not_here"}, {"kwargs": {"options": opaque}}),
        {"output": [opaque]},
    ):
        assert why_not(replace(CASE, **changed)) is not None
