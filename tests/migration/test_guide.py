"""Agreement of MIGRATION.md with the tools, and success of its steps."""

import re

import pytest

from migration.guide import GUIDE, outputs, written
from migration.workplace import Workplace
from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.records.files import read_record

TEXT = GUIDE.read_text()


def test_the_tables_are_those_of_the_package():
    # If this fails: python tests/migration/guide.py
    assert written(TEXT) == TEXT
    changed = TEXT.replace("padding is used as if", "padding does not")
    assert written(changed) == TEXT != changed


def test_every_code_has_an_anchor_and_every_link_a_target():
    for code in CATALOGUE:
        assert f'<a id="{code.lower()}"></a>{code}' in TEXT
    headings = re.findall(r"^#+ (.+)$", TEXT, re.M)
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
    assert len(TEXT.splitlines()) < 1200


@pytest.fixture
def workplace(tmp_path):
    with Workplace(tmp_path) as place:
        yield place


@pytest.mark.slow
def test_the_guide_shows_what_its_commands_print(workplace):
    """All commands run in order, in one copy of the project."""
    # If this fails: python tests/migration/guide.py
    found = outputs(written(TEXT, workplace))
    # Widths of columns depend on durations, which are not compared.
    assert [(c, x.split()) for c, x in found] == [
        (c, x.split()) for c, x in outputs(TEXT)
    ]
    tested = [x for command, x in found if "pytest" in command]
    assert len(tested) == 2
    assert all("5 passed in" in x for x in tested)
    # The final state needs no legacy package, and its magics still exist.
    project = workplace.project
    for file in (*project.rglob("*.py"), *project.glob("*.ipynb")):
        text = file.read_text()
        assert not re.search(rf"(from|import) {LEGACY}\b", text)
    assert "%matplotlib inline" in text
    assert "%%time" in text


@pytest.mark.slow
def test_a_project_that_trains_is_recorded_and_has_no_difference(workplace):
    for command in (
        "tfmpe record --out golden -- fit.py",
        "tfmpe verify golden --json verify.json",
        "tfmpe run --shadow --json shadow.json fit.py",
    ):
        code, printed = workplace.run(command)
        assert code == 0, printed
    assert len(read_record(workplace.project / "verify.json").rows) >= 5
    found = read_record(workplace.project / "shadow.json")
    assert found.not_compared == ()
    tallies = {row.function: row.tally for row in found.calls}
    for name in ("sfmpe.SFMPE.fit", "structured_cnf.StructuredCNF.sample"):
        tally = tallies[f"{LEGACY}.{name}"]
        assert (tally.compared, tally.different) == (1, 0)
