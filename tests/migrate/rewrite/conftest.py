"""Fixtures that run the commands in a folder and read their output."""

import json

import pytest

pytest.importorskip("libcst", reason="needs the extra cli")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def listed(run):
    """Return the record that a command writes as JSON."""

    def listed(command, *args):
        json_to = {"scan": ("--format", "json"), "fix": ("--json", "-")}
        result = run(command, *json_to[command], *args)
        record = json.loads(result.stdout[result.stdout.index("{") :])
        assert record["exit_code"] == result.exit_code
        return record

    return listed
