"""Recordings from elsewhere are refused, or compared within tolerances."""

import json

import pytest

from tfmpe.migrate import oracle
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
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


KINDS = [("x64", True), ("prng_implementation", "rbg"), ("device", "gpu")]
KINDS += [("threefry_partitionable", "neither")]


@pytest.mark.parametrize(("name", "value"), KINDS)
def test_another_kind_of_fingerprint_is_refused(recorded, right, name, value):
    report = verify(recorded(**{name: value}), lookup=right)
    assert (report.exit_code, report.rows) == (3, ())
    fault = report.problems[0].fault
    assert f"{name} is {take_fingerprint()[name]}, was {value}" in fault
    assert "--other-fingerprint" in fault


def test_another_kind_is_compared_within_tolerances_when_told(recorded):
    folder = recorded(device="gpu")
    report = verify(folder, lookup=slightly_off, other_fingerprint=True)
    (note,) = report.notes
    assert note == "compared within tolerances: device is cpu, was gpu"
    tally = report.rows[-1].tally
    assert tally.within_tolerance == tally.compared > 0


def test_versions_that_differ_are_told_only(recorded, right):
    report = verify(recorded(jax="0.0.1"), lookup=right)
    assert report.exit_code == 0
    (note,) = report.notes
    assert note.startswith("recorded with another version: jax is ")
