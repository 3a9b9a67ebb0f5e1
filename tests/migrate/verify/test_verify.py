"""Verifying a folder: the report, its exit code and its json."""

import json
import shutil

import pytest

from tfmpe.migrate import oracle
from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings import stored
from tfmpe.migrate.recordings.manifest import Problem
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.verify.errors import UnknownExampleError
from tfmpe.migrate.verify.verify import verify
from tfmpe.preprocessing._atomic import write_atomically


def test_a_right_implementation_is_all_equal(folder, right):
    report = verify(folder, lookup=right)
    assert report.exit_code == 0
    assert report.manifest == "checked"
    assert report.problems == ()
    assert report.summary == {
        "cases": 5,
        "identical": 5,
        "within_tolerance": 0,
        "different": 0,
        "not_replayed": 1,
    }
    assert [(r.example, r.function, r.cases) for r in report.rows] == [
        ("errors", "decode_theta", 1),
        ("hierarchical_brownian", "_flatten_index", 4),
    ]


def test_what_is_not_replayed_is_said_not_passed(folder, right):
    (entry,) = verify(folder, lookup=right).not_replayed
    assert (entry.example, entry.function, entry.cases) == (
        "seir",
        "SFMPE.not_here",
        1,
    )
    assert entry.reason == "not in the bridge of this version"


def test_a_wrong_implementation_is_reported_with_place_and_size(folder, wrong):
    report = verify(folder, lookup=wrong)
    assert report.exit_code == 1
    row = report.rows[1]
    assert (row.cases, row.identical, row.different) == (4, 0, 4)
    case, extreme = row.largest_absolute
    assert case == "n4_o3_prior__trace165_flatten_index"
    assert extreme.path == "output[0, 1, 0]"
    assert extreme.value == 0.25
    assert row.dtype_differences == row.key_order_differences == 0
    assert row.failures[0].case == case


def test_dtypes_and_key_orders_are_counted_by_case(folder):
    def lookup(name):
        def function(*args, **kwargs):
            result = getattr(oracle, name)(*args, **kwargs)
            return result.astype("float16")

        return function

    row = verify(folder, lookup=lookup).rows[1]
    assert row.dtype_differences == 4
    assert row.key_order_differences == 0


def test_fail_fast_stops_at_the_first_case(folder, wrong):
    report = verify(folder, lookup=wrong, fail_fast=True)
    assert report.stopped_early
    assert report.rows[-1].cases == 1
    assert report.not_replayed == ()
    assert report.exit_code == 1


def test_one_example_alone(folder, right):
    report = verify(folder, lookup=right, example="errors")
    assert [row.example for row in report.rows] == ["errors"]


def test_an_unknown_example_is_an_error_with_the_known_ones(folder):
    with pytest.raises(UnknownExampleError) as caught:
        verify(folder, example="sier")
    assert str(caught.value) == (
        "unknown example 'sier'; the stored output has: "
        "errors, hierarchical_brownian, seir"
    )


def test_an_example_without_anything_to_replay_is_not_a_success(folder, right):
    report = verify(folder, lookup=right, example="seir")
    assert report.exit_code == 3


def test_an_empty_folder_is_not_a_success(tmp_path):
    report = verify(tmp_path)
    assert report.exit_code == 3
    assert report.summary["cases"] == 0


def test_a_bad_file_is_named_and_not_replayed(folder, recording, right):
    recording.with_suffix(".npz").write_bytes(b"PK")
    report = verify(folder, lookup=right)
    assert report.exit_code == 3
    assert [row.function for row in report.rows] == ["decode_theta"]
    (problem,) = report.problems
    assert problem.file == "hierarchical_brownian/flatten_index.npz"


def test_without_a_manifest_a_bad_file_is_refused(folder, recording, right):
    (folder / "MANIFEST.json").unlink()
    recording.write_text("{}")
    report = verify(folder, lookup=right)
    assert report.exit_code == 3
    assert report.manifest == "absent"
    assert report.problems == (
        Problem(
            "hierarchical_brownian/flatten_index.json",
            "not a recording (an object of format, function, cases)",
        ),
    )


def test_a_folder_of_one_example_is_read(folder, recording, right):
    report = verify(recording.parent, lookup=right)
    assert report.exit_code == 0
    assert report.manifest == "absent"
    assert report.rows[0].example == "hierarchical_brownian"


def test_a_linked_example_is_refused(folder, right, tmp_path):
    shutil.move(folder / "seir", tmp_path / "seir")
    (folder / "seir").symlink_to(tmp_path / "seir")
    report = verify(folder, lookup=right)
    assert report.exit_code == 3
    assert report.rows == ()
    assert "lies outside of" in report.problems[0].fault


def test_progress_goes_from_0_to_1(folder, right):
    told = []
    verify(folder, lookup=right, progress=lambda *args: told.append(args))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1
    assert told[-1][1] == "hierarchical_brownian _flatten_index"


def test_the_json_has_the_documented_names(folder, wrong):
    content = json.loads(verify(folder, lookup=wrong).to_json())
    assert list(content) == [
        "format",
        "tool",
        "exit_code",
        "folder",
        "manifest",
        "notes",
        "stopped_early",
        "versions",
        "summary",
        "rows",
        "not_replayed",
        "problems",
    ]
    row = content["rows"][1]
    assert list(row) == [
        "example",
        "function",
        "cases",
        "identical",
        "within_tolerance",
        "different",
        "largest_absolute",
        "largest_relative",
        "largest_ulp",
        "noise_floor",
        "dtype_differences",
        "key_order_differences",
        "differences",
        "arrays",
    ]
    assert sum(each["compared"] for each in row["arrays"]) >= row["cases"]
    assert row["largest_absolute"] == {
        "value": 0.25,
        "case": "n4_o3_prior__trace165_flatten_index",
        "path": "output[0, 1, 0]",
    }
    assert list(row["differences"][0]) == [
        "case",
        "kind",
        "path",
        "stored",
        "found",
        "tolerated",
    ]
    assert list(content["not_replayed"][0]) == [
        "example",
        "function",
        "cases",
        "reason",
    ]


def test_the_json_is_json_also_where_a_difference_is_infinite(folder):
    def nothing(name):
        function = getattr(oracle, name)
        return lambda *args, **kwargs: function(*args, **kwargs) * float("nan")

    text = verify(folder, lookup=nothing).to_json()
    row = json.loads(text, parse_constant=pytest.fail)["rows"][1]
    assert row["largest_absolute"]["value"] == "inf"


def test_a_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "report.json"
    write_atomically(file, b"before")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(file, b"after")
    assert file.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_written_report_can_be_read_by_others(tmp_path):
    plain, whole = tmp_path / "plain", tmp_path / "whole"
    plain.write_text("")
    write_atomically(whole, b"")
    assert whole.stat().st_mode == plain.stat().st_mode


def test_stored_output_that_is_nowhere_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "_PACKAGE", tmp_path / "tfmpe")
    with pytest.raises(RecordingError, match="reinstall tfmpe"):
        stored_folder()
    assert verify().exit_code == 3


def test_stored_output_inside_the_package_is_found_first(monkeypatch, tmp_path):
    inside = tmp_path / "tfmpe" / "legacy_fixtures"
    beside = tmp_path / "legacy_fixtures"
    for folder in (beside, inside):
        folder.mkdir(parents=True)
        (folder / "MANIFEST.json").write_text("{}")
    monkeypatch.setattr(stored, "_PACKAGE", tmp_path / "tfmpe")
    assert stored_folder() == inside
