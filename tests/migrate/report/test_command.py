"""`tfmpe report`: inputs, output, files and exit codes."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="needs the extra cli")

from migrate.report import given
from tfmpe.migrate.records.files import as_json


@pytest.fixture
def report(tmp_path, monkeypatch, run):
    """Return a function that runs the command on the JSON of records."""
    monkeypatch.chdir(tmp_path)

    def report(words, *records):
        files = [f"in{number}.json" for number in range(len(records))]
        for file, record in zip(files, records, strict=True):
            Path(file).write_bytes(as_json(record))
        return run("report", *files, *words.split())

    return report


def test_page_and_json_are_written_and_the_verdict_printed(report):
    result = report("--html a.html --json a.json", *given.EXAMPLE.values())
    written = json.loads(Path("a.json").read_text())
    assert result.exit_code == written["exit_code"] == 3, result.output
    assert written["verdict"] in Path("a.html").read_text(encoding="utf-8")
    assert result.output.splitlines() == [
        written["verdict"],
        "Next: Look at the differences",
        "  tfmpe run --shadow --save-cases differing-1 src/fit.py",
    ]


def test_exit_zero_is_for_findings_only(report):
    seen = given.shadow(given.call(3, tally=given.DIFFERENT))
    words = "--json a.json --exit-zero"
    assert report("--json a.json", seen).exit_code == 1
    assert report(words, seen).exit_code == 0
    assert report(words, given.scan()).exit_code == 3


@pytest.mark.parametrize(
    ("words", "text", "fault"),
    [
        ("", "", "pass JSON files of commands"),
        ("bad.json", "", "pass --html FILE"),
        ("no.json --json x", "", "does not exist"),
        ("bad.json --html no/such/x.html", "", "does not exist"),
        ("--scan no/such --json x", "", "does not exist"),
        ("bad.json --json x", "", "is not JSON"),
        ("bad.json --json x", "[" * 100_000, "is not JSON"),
        ("bad.json --json x", "[]", "is not from a command"),
        ("bad.json --json x", '{"tool": ["scan"]}', "from ['scan']; expected"),
        ("bad.json --html x", '{"tool": "scan"}', "a format other than 2"),
        ("bad.json --html x", '{"tool": "fix", "format": 2}', "a result of"),
    ],
)
def test_wrong_usage_ends_in_2_and_writes_nothing(report, words, text, fault):
    Path("bad.json").write_text(text)
    result = report(words)
    assert result.exit_code == 2
    assert fault in result.words
    assert [*Path().iterdir()] == [Path("bad.json")]


def test_without_jinja_the_json_is_still_written(report, monkeypatch):
    name = "tfmpe.migrate.report.page"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert report("--json a.json", given.scan()).exit_code == 3
    result = report("--html a.html", given.scan())
    assert result.exit_code == 2
    assert 'jinja2: pip install "tfmpe[cli]"' in result.output
    assert not Path("a.html").exists()


def test_a_folder_is_scanned_and_joined_with_a_run(report):
    Path("a").mkdir()
    script = Path("a/fit.py").absolute()
    script.write_text("from sfmpe.utils import split_data\nsplit_data(\n  x)\n")
    seen = given.shadow(given.call(2, "split_data", where=(str(script),)))
    result = report("--scan a --json out.json", seen)
    assert result.exit_code == 1, result.output
    assert result.output == (
        "1 of 1 call site ran and gave identical results. 1 import is left to "
        "change.\nNext: Change the imports\n  tfmpe fix --diff a\n"
        "  tfmpe fix a\n"
    )
    written = json.loads(Path("out.json").read_text())
    found = [(s["use"]["code"], s["status"]) for s in written["sites"]]
    assert found == [("T001", "left"), ("T110", "identical")]
