"""Recordings from elsewhere are refused, or compared within tolerances."""

import json
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import pytest

from tfmpe.migrate import oracle
from tfmpe.migrate.recordings.cases import Raised
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.recordings.manifest import read_manifest
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.records.checks import Replayed
from tfmpe.migrate.records.parity import Largest, Tally
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.verify import calibration
from tfmpe.migrate.verify.calibration import (
    Calibration,
    cases_to_measure,
    reversed_context,
)
from tfmpe.migrate.verify.verify import verify


@pytest.fixture
def recorded(folder):
    """Return a function that sets the fingerprint of a small folder."""

    def write(**changes):
        file = folder / "MANIFEST.json"
        content = json.loads(file.read_text())
        fingerprint = take_fingerprint() | changes
        content["provenance"] = {"fingerprint": fingerprint}
        file.write_text(json.dumps(content))
        return folder

    return write


def slightly_off(name):
    function = getattr(oracle, name)
    return lambda *args, **kwargs: function(*args, **kwargs) + 1e-7


def test_the_same_fingerprint_is_compared_to_the_bit(recorded, right):
    report = verify(recorded(), lookup=right)
    assert (report.exit_code, report.notes) == (0, ())
    assert verify(recorded(), lookup=slightly_off).exit_code == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x64", True),
        ("prng_implementation", "rbg"),
        ("threefry_partitionable", "neither"),
        ("device", "gpu"),
    ],
)
def test_another_kind_of_fingerprint_is_refused(recorded, right, name, value):
    report = verify(recorded(**{name: value}), lookup=right)
    assert report.exit_code == 3
    assert report.rows == ()
    (problem,) = report.problems
    assert problem.file == "MANIFEST.json"
    assert f"{name} is {take_fingerprint()[name]}, was {value}" in problem.fault
    assert "--other-fingerprint" in problem.fault


def test_another_kind_is_compared_within_tolerances_when_told(recorded):
    folder = recorded(device="gpu")
    report = verify(folder, lookup=slightly_off, other_fingerprint=True)
    assert report.notes == (
        "compared within tolerances: device is cpu, was gpu",
    )
    tally = report.rows[-1].tally
    assert tally.within_tolerance == tally.compared > 0


def test_versions_that_differ_are_told_only(recorded, right):
    report = verify(recorded(jax="0.0.1"), lookup=right)
    assert report.exit_code == 0
    (note,) = report.notes
    assert note.startswith("recorded with another version: jax is ")


def test_the_stored_recordings_have_no_fingerprint_and_are_replayed():
    manifest = read_manifest(stored_folder())
    assert manifest is not None
    assert manifest.fingerprint == {}


def _row(*sizes):
    largest = [Largest(size, "output", name) for name, size in sizes]
    tally = sum((Tally.of("different", x, x) for x in largest), Tally())
    return Replayed("seir", "decode_theta", tally)


def test_functions_that_only_move_numbers_have_no_noise():
    cases = read_cases(stored_folder() / "seir" / "decode_theta.json")
    floor = Calibration().floor(_row(), cases[:2])
    assert (floor.absolute, floor.relative, floor.ulp) == (0, 0, 0)


def test_both_orders_of_a_sum_are_one_program(monkeypatch):
    traces = []

    def oracle_sample(field, context, key, **_):
        traces.append(context)
        return context.sum(keepdims=True)

    cases = read_cases(stored_folder() / "seir" / "StructuredCNF_sample.json")
    case = replace(
        next(case for case in cases if "field" in (case.extra or {})),
        args=(jnp.asarray([1e8, 1.0, -1e8, 1.0, 3.0])[None, :, None],),
        kwargs={},
    )
    oracle = SimpleNamespace(sample=oracle_sample)
    monkeypatch.setattr(calibration, "oracle", oracle)
    floor = Calibration().floor(_row(), [case])
    assert len(traces) == 1
    assert floor.absolute >= 1
    assert Calibration().floor(_row(), []) is None


def test_noise_is_measured_where_the_error_is_largest():
    file = stored_folder() / "seir" / "decode_theta.json"
    cases = [case for case in read_cases(file) if not case.traced]
    first, second, third = cases[:3]
    row = _row((second.name, 2.0), (third.name, 1.0))
    assert cases_to_measure(row, cases) == (second,)
    assert cases_to_measure(_row(), cases) == (first,)
    raised = replace(first, raises=Raised("ValueError", "builtins", ""))
    assert cases_to_measure(_row(), [raised]) == ()


def test_a_sum_over_tokens_has_the_noise_of_its_order():
    values = jnp.asarray([[1e8, 1.0, -1e8, 1.0, 3.0]])[..., None]
    given = {"context": values, "labels": {"y": jnp.arange(5)[None]}}
    other = reversed_context(given)
    assert other["labels"]["y"].tolist() == [[4, 3, 2, 1, 0]]
    assert given["labels"]["y"].tolist() == [[0, 1, 2, 3, 4]]
    twice = reversed_context(other)
    assert compare(given, twice).identical


def test_masks_are_reversed_with_the_tokens_they_are_of():
    cross = jnp.arange(6.0).reshape(1, 2, 3)
    own = jnp.arange(9.0).reshape(1, 3, 3)
    padding = jnp.asarray([[1.0, 1.0, 0.0]])
    masks = {
        "attention": {"y": own, "theta": jnp.eye(2)[None], "cross": cross},
        "padding": {"y": padding, "theta": jnp.ones((1, 2))},
    }
    other = reversed_context({"masks": masks})["masks"]
    assert jnp.array_equal(other["attention"]["cross"], cross[..., ::-1])
    assert jnp.array_equal(other["attention"]["y"], own[:, ::-1, ::-1])
    assert jnp.array_equal(other["attention"]["theta"], jnp.eye(2)[None])
    assert other["padding"]["y"].tolist() == [[0.0, 1.0, 1.0]]


def test_the_noise_floor_is_in_the_report(folder, right):
    report = verify(folder, lookup=right, calibrate=True)
    assert report.notes[0].startswith("noise floor: ")
    floor = report.rows[-1].noise_floor
    assert (floor.absolute, floor.relative, floor.ulp) == (0, 0, 0)
