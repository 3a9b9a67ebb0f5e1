"""Running the commands in an empty folder, and writing notebooks."""

import json
from pathlib import Path

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("libcst", reason="needs the extra cli")

from click.testing import CliRunner

from tfmpe.cli import cli


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder; the result has no colours."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture
def write(tmp_path):
    """Write files into that folder: text, bytes, or cells of a notebook."""

    def write(files):
        for name, content in files.items():
            path = Path(tmp_path, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, list):
                content = notebook(*content)
            if isinstance(content, str):
                content = content.encode()
            path.write_bytes(content)

    return write


@pytest.fixture
def listed(run):
    """Return what a command lists as JSON, and its exit code."""

    def listed(command, *args):
        json_to = {"scan": ("--format", "json"), "fix": ("--json", "-")}
        result = run(command, *json_to[command], *args)
        stdout = result.stdout
        record = json.loads(stdout[stdout.index("{") :])
        assert record["exit_code"] == result.exit_code
        return record

    return listed


def notebook(*cells):
    """Return a notebook; a cell is code, or a pair of its kind and text."""
    made = []
    for cell in cells:
        kind, text = cell if isinstance(cell, tuple) else ("code", cell)
        made.append(
            {
                "cell_type": kind,
                "metadata": {},
                "source": text.splitlines(keepends=True),
            }
            | (
                {"outputs": [], "execution_count": None}
                if kind == "code"
                else {}
            )
        )
    language = {"language": "python", "name": "python3"}
    stored = {"cells": made, "metadata": {"kernelspec": language}}
    return json.dumps(stored | {"nbformat": 4, "nbformat_minor": 5}, indent=1)
