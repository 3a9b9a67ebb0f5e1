"""Recordings of format 2, replayed in processes with their flags."""

import json
from unittest.mock import Mock

import pytest

from tfmpe.migrate.recordings.read import FLAGS
from tfmpe.migrate.records.checks import NotReplayed
from tfmpe.migrate.replay.names import MissingPackageError
from tfmpe.migrate.verify import choice, one_file
from tfmpe.migrate.verify.choice import LEFT_OUT
from tfmpe.migrate.verify.one_file import replay_file
from tfmpe.migrate.verify.processes import replayed_apart
from tfmpe.migrate.verify.verify import verify


def test_a_recording_is_replayed_or_refused(part):
    file = part / "dataloader" / "PAD_VALUE.json"
    result = replay_file(file, part)
    assert (result.row.tally.identical, result.not_replayed) == (1, ())
    file.write_text(file.read_text().replace('"v:', '"x:'))
    problem = replay_file(file, part).problem
    assert problem.file == "dataloader/PAD_VALUE.json"
    assert "target is 'x:" in problem.fault


def test_what_needs_a_missing_package_is_counted_with_the_reason(
    part, monkeypatch
):
    why = "tensorflow is not installed"
    needing = Mock(side_effect=MissingPackageError(why))
    monkeypatch.setattr(one_file, "replay", needing)
    result = replay_file(part / "dataloader" / "prod.json", part)
    assert result.row is None
    assert result.not_replayed == (NotReplayed("dataloader", "prod", 10, why),)


def test_a_process_that_dies_is_a_problem_of_its_files(part):
    flags = tuple((FLAGS | {"JAX_ENABLE_X64": "neither"}).items())
    file = part / "x64" / "split_data.json"
    with replayed_apart(part, {flags: [(file, None)]}) as results:
        (result,) = results
    assert result.problem.file == "x64/split_data.json"
    assert result.problem.fault.startswith("its process ended with exit code 1")
    assert "neither" in result.problem.fault


def _keep(part, *names):
    for file in part.glob("*/*"):
        if file.with_suffix("").relative_to(part).as_posix() not in names:
            file.unlink()
    (part / "MANIFEST.json").unlink(missing_ok=True)


@pytest.mark.slow
def test_every_set_of_flags_joins_one_report_and_differences_are_found(part):
    names = ("dataloader/PAD_VALUE", "threefry_old/MLP", "x64/split_data")
    _keep(part, *names)
    report = verify(part)
    assert report.exit_code == 0, report
    assert tuple(f"{r.example}/{r.function}" for r in report.rows) == names
    _keep(part, names[-1])
    file = part / f"{names[-1]}.json"
    content = json.loads(file.read_text())
    content["cases"][0]["output"] = {"t": "int", "v": 1}
    file.write_text(json.dumps(content))
    report = verify(part)
    assert report.exit_code == 1
    cases = {each.case for each in report.rows[-1].differences}
    assert content["cases"][0]["case"] in cases


@pytest.mark.slow
def test_processes_replay_their_chosen_cases(part, monkeypatch):
    _keep(part, "x64/flatten_blocks")
    monkeypatch.setattr(choice, "REPLAYED", {})
    report = verify(part, quick=True)
    assert (report.exit_code, report.rows[0].tally.compared) == (0, 1)
    left = NotReplayed("x64", "flatten_blocks", 11, LEFT_OUT)
    assert report.not_replayed == (left,)
