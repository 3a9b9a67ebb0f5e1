"""Recordings of format 2 are replayed under their flags, in processes."""

import json

import pytest

from tfmpe.migrate.recordings.read import FLAGS
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.records.checks import NotReplayed
from tfmpe.migrate.replay.names import MissingPackageError
from tfmpe.migrate.verify import one_file
from tfmpe.migrate.verify.one_file import replay_file
from tfmpe.migrate.verify.processes import replayed_apart
from tfmpe.migrate.verify.verify import verify


@pytest.fixture
def part():
    """Return the folder of the second part of what is stored."""
    with unpacked(stored_folder()) as folder:
        yield folder


def test_a_recording_is_replayed(part):
    result = replay_file(part / "dataloader" / "PAD_VALUE.json", part)
    assert result.file == "dataloader/PAD_VALUE.json"
    row = result.row
    assert (row.example, row.function) == ("dataloader", "PAD_VALUE")
    assert (row.tally.compared, row.tally.identical) == (1, 1)
    assert result.not_replayed == ()


def test_a_refused_recording_is_a_problem(part):
    file = part / "dataloader" / "PAD_VALUE.json"
    file.write_text(file.read_text().replace('"v:', '"x:'))
    problem = replay_file(file, part).problem
    assert problem.file == "dataloader/PAD_VALUE.json"
    assert "target is 'x:" in problem.fault


def test_what_needs_a_missing_package_is_counted_with_the_reason(
    part, monkeypatch
):
    def needing(*args):
        raise MissingPackageError("tensorflow is not installed")

    monkeypatch.setattr(one_file, "replay", needing)
    result = replay_file(part / "dataloader" / "prod.json", part)
    assert result.row is None
    assert result.not_replayed == (
        NotReplayed("dataloader", "prod", 10, "tensorflow is not installed"),
    )


def test_a_process_that_dies_is_a_problem_of_its_files(part):
    flags = tuple((FLAGS | {"JAX_ENABLE_X64": "neither"}).items())
    file = part / "x64" / "split_data.json"
    with replayed_apart(part, {flags: [file]}) as results:
        (result,) = results
    assert result.problem.file == "x64/split_data.json"
    assert result.problem.fault.startswith("its process ended with exit code 1")
    assert "neither" in result.problem.fault


def _keep(part, *names):
    kept = {
        part / f"{name}{end}" for name in names for end in (".json", ".npz")
    }
    for file in part.glob("*/*"):
        if file not in kept:
            file.unlink()
    (part / "MANIFEST.json").unlink()


@pytest.mark.slow
def test_every_set_of_flags_joins_one_report(part):
    _keep(part, "dataloader/PAD_VALUE", "threefry_old/MLP", "x64/split_data")
    report = verify(part)
    assert report.exit_code == 0, report
    assert [(r.example, r.function) for r in report.rows] == [
        ("dataloader", "PAD_VALUE"),
        ("threefry_old", "MLP"),
        ("x64", "split_data"),
    ]


@pytest.mark.slow
def test_a_planted_difference_ends_in_1(part):
    name = "x64/split_data"
    _keep(part, name, "dataloader/encode_unknown_theta")
    file = part / f"{name}.json"
    content = json.loads(file.read_text())
    content["cases"][0]["output"] = {"t": "int", "v": 1}
    file.write_text(json.dumps(content))
    report = verify(part)
    assert report.exit_code == 1
    cases = {each.case for row in report.rows for each in row.differences}
    assert content["cases"][0]["case"] in cases
