"""Recordings from elsewhere are refused, or compared within tolerances."""

import json

import jax.numpy as jnp
import pytest

import reference
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.recordings.manifest import read_manifest
from tfmpe.migrate.recordings.read import read_recording
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.verify.calibration import Calibration, reversed_context
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
    function = getattr(reference, name)
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
    row = report.rows[-1]
    assert (row.identical, row.different) == (0, 0)
    assert row.within_tolerance == row.cases > 0


def test_versions_that_differ_are_told_only(recorded, right):
    report = verify(recorded(jax="0.0.1"), lookup=right)
    assert report.exit_code == 0
    (note,) = report.notes
    assert note.startswith("recorded with another version: jax is ")
    assert json.loads(report.to_json())["notes"] == [note]


def test_the_stored_recordings_have_no_fingerprint_and_are_replayed():
    manifest = read_manifest(stored_folder())
    assert manifest is not None
    assert manifest.fingerprint == {}


def test_functions_that_only_move_numbers_have_no_noise():
    cases = read_recording(stored_folder() / "seir" / "decode_theta.json")
    floor = Calibration().floor(cases)
    assert floor is not None
    assert floor.identical


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
    row = json.loads(report.to_json())["rows"][-1]
    assert row["noise_floor"] == {"absolute": 0, "relative": 0, "ulp": 0}
