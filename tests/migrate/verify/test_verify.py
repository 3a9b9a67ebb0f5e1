"""Verification of a folder: report, exit code, JSON, fingerprint."""

import json

import pytest

from tfmpe.migrate import oracle
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.records.files import as_json, from_json
from tfmpe.migrate.verify.verify import verify


def test_what_was_not_replayed_is_no_success(folder, right):
    assert verify(folder, lookup=right, example="seir").exit_code == 3
    assert verify(folder.parent / "none").exit_code == 3


def test_a_bad_file_is_named_and_not_replayed(folder, recording, right):
    recording.with_suffix(".npz").write_bytes(b"PK")
    (folder / "errors" / "decode_theta.json").write_text("{}")
    for manifest, fault in (("checked", "altered"), ("absent", "not a")):
        report = verify(folder, lookup=right)
        assert (report.exit_code, report.manifest) == (3, manifest)
        assert [problem.file for problem in report.problems] == [
            "errors/decode_theta.json",
            "hierarchical_brownian/flatten_index.npz",
        ]
        assert report.problems[0].fault.startswith(fault)
        assert report.rows == ()
        (folder / "MANIFEST.json").unlink(missing_ok=True)


def test_a_folder_of_one_example_is_read(recording, right):
    report = verify(recording.parent, lookup=right)
    assert (report.exit_code, report.manifest) == (0, "absent")
    assert report.rows[0].example == "hierarchical_brownian"


def test_a_linked_example_is_refused(folder, right, tmp_path):
    (folder / "seir").rename(tmp_path / "seir")
    (folder / "seir").symlink_to(tmp_path / "seir")
    report = verify(folder, lookup=right)
    assert (report.exit_code, report.rows) == (3, ())
    assert "lies outside" in report.problems[0].fault


def test_progress_goes_from_0_to_1(folder, right):
    told = []
    verify(folder, lookup=right, progress=lambda *args: told.append(args))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0 == shares[0] < shares[1] < shares[-1] == 1
    labels = [label for _, label in told]
    # What is replayed, not what has been.
    assert labels[:2] == [
        "compiling errors/decode_theta.json",
        "hierarchical_brownian/flatten_index.json",
    ]
    assert labels[-1] == "finished"


def test_the_json_is_json_also_where_a_difference_is_infinite(folder):
    def nothing(name):
        function = getattr(oracle, name)
        return lambda *args, **kwargs: function(*args, **kwargs) * float("nan")

    report = verify(folder, lookup=nothing)
    text = as_json(report)
    assert from_json(text, "verify.json") == report
    row = json.loads(text, parse_constant=pytest.fail)["rows"][1]
    assert row["tally"]["absolute"]["value"] == "inf"


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
    # Different versions are only reported.
    (note,) = verify(recorded(jax="0.0.1")).notes
    assert note.startswith("recorded with another version: jax is ")
    tally = report.rows[-1].tally
    assert tally.within_tolerance == tally.compared > 0
