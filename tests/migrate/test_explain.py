"""`tfmpe explain`."""

import json

import pytest
from click.testing import CliRunner

from tfmpe.cli import cli
from tfmpe.migrate.catalogue import CATALOGUE

LISTED = [code for code in CATALOGUE if code != "L10"]


def explain(*arguments):
    return CliRunner().invoke(cli, ["explain", *arguments])


def test_a_rule_as_plain_text():
    done = explain("t101")
    assert done.exit_code == 0
    assert done.output.startswith("T101 flatten-structured\n====")
    assert "\n    tokens = Tokens.from_pytree(" in done.output
    assert "MIGRATION.md#t101" in done.output
    assert "**What" not in done.output
    assert "\x1b" not in done.output
    assert max(map(len, done.output.splitlines())) <= 84


def test_a_defect_says_what_the_shim_does():
    said = " ".join(explain("L19").output.split())
    assert "Warns with `RepeatedNoiseWarning`." in said
    assert '`fix=["L19"]`: Fresh noise at every call' in said
    assert "Cost. Draws that should be independent are copies" in said


def test_a_number_without_a_defect_says_so():
    done = explain("L10")
    assert done.exit_code == 0
    assert "The number is not assigned." in done.output


def test_names_do_as_well_and_doubles_are_shown_once():
    by_name = explain("Repeated-Noise", "L19", "l19").output
    assert by_name == explain("L19").output


def test_without_a_code_all_are_listed():
    done = explain()
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines] == LISTED
    assert done.exit_code == 0
    assert "unsafe  flatten-structured" in done.output


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("T1011", "did you mean T101"),
        ("repeated-nose", "did you mean repeated-noise?"),
        ("zzz", "there is no 'zzz'; `tfmpe explain` lists all"),
    ],
)
def test_an_unknown_code_is_wrong_usage(wanted, hint):
    done = explain("T101", wanted)
    assert done.exit_code == 2
    assert hint in done.output
    assert "from_pytree" not in done.output


def test_json_has_everything():
    page = json.loads(explain("--format", "json").output)
    assert page["format"] == 1
    assert page["tool"] == "explain"
    assert [entry["code"] for entry in page["entries"]] == LISTED
    (entry,) = json.loads(explain("l18", "--format", "json").output)["entries"]
    assert entry["kind"] == "defect"
    assert entry["warning"] == "NegativeTimeWarning"
    assert entry["fix"]
    assert entry["link"] == "MIGRATION.md#l18"
    assert entry["before"]


def test_markdown_is_a_page_and_a_table():
    assert explain("T001", "--format", "markdown").output.startswith(
        "# T001 legacy-import\n"
    )
    table = explain("--format", "markdown").output.splitlines()
    assert len(table) == len(LISTED) + 2


def test_a_terminal_gets_colours(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in explain("T101").output
    assert "repeated-noise" in explain().output
