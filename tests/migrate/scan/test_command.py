"""`tfmpe scan`: formats, choices and exit codes."""

import json

import pytest
from click.testing import CliRunner

from tfmpe.cli import cli
from tfmpe.migrate.catalogue import CATALOGUE

SCRIPT = """\
from sfmpe.util.dataloader import flatten_structured
flatten_structured(
    x | y
)
f(estim.sample_posterior_encoded)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, exit_code):
        result = CliRunner().invoke(cli, ["scan", *arguments])
        assert result.exit_code == exit_code, result.output
        return result.output

    return call


@pytest.fixture
def script(tmp_path):
    (tmp_path / "a b,c.py").write_text(SCRIPT)


@pytest.mark.usefixtures("script")
class TestFormats:
    def test_text(self, run):
        expected = """\
a b,c.py:1:1: T001 from sfmpe.util.dataloader import flatten_structured -> \
tfmpe.compat.util.dataloader [safe]
a b,c.py:2:1: T101 flatten_structured(...) -> Tokens.from_pytree(tree, \
independence) [manual]
a b,c.py:3:5: T303 x | y -> tokens.with_values(name=values) [unsafe]
a b,c.py:5:3: T901 estim.sample_posterior_encoded: undecided, the object \
could not be followed

3 sites in 1 file (1 safe, 1 unsafe, 1 manual); 1 undecided; 1 file read; \
0 not read.
"""
        assert run(".", exit_code=1) == expected

    def test_json(self, run):
        found = json.loads(run(".", "--format", "json", exit_code=1))
        assert found["format"] == 1
        assert found["exit_code"] == 1
        assert found["files"] == {"read": 1, "with_sites": 1, "not_read": []}
        assert found["sites"][1] == {
            "file": "a b,c.py",
            "cell": None,
            "line": 2,
            "column": 1,
            "end_line": 2,
            "end_column": 19,
            "code": "T101",
            "name": "sfmpe.util.dataloader.flatten_structured",
            "text": "flatten_structured(...)",
            "becomes": "Tokens.from_pytree(tree, independence)",
            "safety": "manual",
        }
        assert found["undecided"][0]["code"] == "T901"
        assert found["summary"] == {
            "T001": {"safe": 1},
            "T101": {"manual": 1},
            "T303": {"unsafe": 1},
            "T901": {"manual": 1},
        }

    def test_github(self, run):
        lines = run(".", "--format", "github", exit_code=1).splitlines()
        assert lines[1] == (
            "::warning file=a b%2Cc.py,line=2,endLine=2,col=1,endColumn=19,"
            "title=T101 flatten-structured::flatten_structured(...) -> "
            "Tokens.from_pytree(tree, independence) [manual]"
        )
        assert len(lines) == 4

    def test_sarif(self, run, tmp_path):
        (tmp_path / "bad.py").write_text("x =")
        written = json.loads(run(".", "--format", "sarif", exit_code=3))
        assert written["version"] == "2.1.0"
        (only,) = written["runs"]
        rules = only["tool"]["driver"]["rules"]
        assert [rule["id"] for rule in rules] == [
            "T001",
            "T101",
            "T303",
            "T901",
        ]
        for result in only["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert only["results"][1]["locations"] == [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a%20b%2Cc.py"},
                    "region": {
                        "startLine": 2,
                        "startColumn": 1,
                        "endLine": 2,
                        "endColumn": 19,
                    },
                }
            }
        ]
        (invocation,) = only["invocations"]
        assert not invocation["executionSuccessful"]
        (notice,) = invocation["toolExecutionNotifications"]
        assert "syntax error in line 1" in notice["message"]["text"]

    def test_a_file_that_is_written(self, run, tmp_path):
        shown = run(".", "--format", "json", "--output", "o.json", exit_code=1)
        assert shown.startswith("3 sites in 1 file")
        stored = json.loads((tmp_path / "o.json").read_text())
        assert len(stored["sites"]) == 3
        shown = run(".", "--output", "o.txt", exit_code=1)
        assert shown.startswith("3 sites in 1 file")
        assert (tmp_path / "o.txt").read_text().count("\n") == 5


@pytest.mark.usefixtures("script")
class TestChoices:
    def test_select_and_ignore(self, run):
        shown = run(".", "--select", "t0,T1", "--ignore", "T101", exit_code=1)
        assert "T001" in shown
        assert "T101" not in shown
        assert "1 site in 1 file" in shown
        assert "3 not shown" in shown

    def test_unknown_codes_are_wrong_usage(self, run):
        assert "no rule has the code 'X1'" in run(
            ".", "--select", "X1", exit_code=2
        )

    def test_statistics_and_exit_zero(self, run):
        shown = run(".", "--statistics", "--exit-zero", exit_code=0)
        assert f"    1  T101  {CATALOGUE['T101'].summary}" in shown

    def test_what_was_not_read_wins(self, run, tmp_path):
        (tmp_path / "bad.py").write_text("print 'x'\n")
        shown = run(".", "--exit-zero", exit_code=3)
        assert "bad.py: not read: syntax error in line 1" in shown
        assert "1 not read.\nThe scan is incomplete" in shown


def test_nothing_legacy_is_clean(run, tmp_path):
    (tmp_path / "a.py").write_text("import jax\n")
    assert run(".", exit_code=0).startswith("0 sites in 0 files; 0 undecided")


def test_no_file_is_not_clean(run):
    assert "No .py or .ipynb file was found" in run(".", exit_code=3)
    assert run("--format", "json", ".", exit_code=3).startswith("{")


@pytest.mark.usefixtures("script")
def test_without_a_path_it_is_the_current_folder(run):
    assert run(exit_code=1) == run(".", exit_code=1)


def test_a_path_that_is_not_there_is_wrong_usage(run):
    assert "'nowhere' does not exist" in run("nowhere", exit_code=2)


def test_style_marks_in_code_are_printed_as_they_are(run, tmp_path):
    (tmp_path / "a.py").write_text("import sfmpe\nf(sfmpe.x)['[red]']\n")
    (tmp_path / "[b].py").write_text("from sfmpe import x\n")
    shown = run(".", exit_code=1)
    assert "[b].py:1:19: T003 x" in shown
