"""The code in README.md and MIGRATION.md runs, in the order written."""

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from tfmpe import compat
from tfmpe.compat import defects

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "MIGRATION.md", "docs/data.md", "docs/inference.md"]
# These train networks.
SLOW = ("README.md", "docs/inference.md")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
        for name in DOCUMENTS
    ],
)
def test_code_runs(name, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TFMPE_COMPAT", "error")
    monkeypatch.chdir(tmp_path)
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(ROOT / name)
    examples = list(document.examples())
    assert examples
    for example in examples:
        example.evaluate()
    if name == "README.md":
        # What is printed is shown.
        printed = capsys.readouterr().out
        assert f"```\n{printed}```" in (ROOT / name).read_text()


def test_every_legacy_name_is_in_the_migration_guide():
    text = (ROOT / "MIGRATION.md").read_text()
    names = {
        name
        for name, value in vars(compat).items()
        if callable(value)
        and not isinstance(value, type)
        and not name.startswith("__")
    }
    assert "flatten_structured" in names
    assert [name for name in names if f"`{name}" not in text] == []


def test_every_warning_leads_to_a_heading_of_the_migration_guide():
    lines = (ROOT / "MIGRATION.md").read_text().splitlines()
    codes = [
        value.code
        for value in vars(defects).values()
        if isinstance(value, type)
    ]
    assert len(codes) > 5
    for code in codes:
        heading = lines.index(f"### {code}")
        assert lines[heading + 2].startswith("⚠")


def test_pictures_and_links_of_the_documents_exist():
    found = 0
    for name in DOCUMENTS:
        text = (ROOT / name).read_text()
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / name).parent.joinpath(target).exists(), target
            found += 1
    assert found > 10
