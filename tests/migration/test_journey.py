"""MIGRATION.md followed to the end, on the small project.

Every command of the guide is run, in its order, in one copy of the project;
what it prints is what the guide shows.
"""

import re

import pytest

from migration.guide import GUIDE
from migration.outputs import commands, committed, run_all
from migration.workplace import Workplace
from tfmpe.migrate.legacy_names import LEGACY

# How each of them ends: 1 where it is right to find something.
EXPECTED = {
    "tfmpe scan .": 1,
    "tfmpe fix --diff growth/legacy.py": 1,
    "tfmpe fix --to tokens --unsafe-fixes .": 1,
    "tfmpe report shadow.json --scan . --html report.html": 1,
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the copy of the project that the journey is made in."""
    return Workplace(tmp_path_factory.mktemp("journey").resolve())


@pytest.fixture(scope="module")
def journey(place):
    """Run every command of the guide."""
    return list(run_all(GUIDE.read_text(), place))


def test_every_command_ends_as_it_should(journey):
    found = {done.command: done.code for done in journey}
    assert found == {
        command: EXPECTED.get(command, 0)
        for command in commands(GUIDE.read_text())
    }


def test_the_guide_shows_what_the_commands_print(journey):
    # If this fails: python tests/migration/outputs.py
    shown = [done.shown for done in journey]
    assert list(map(_words, committed(GUIDE.read_text()))) == [
        _words(block) for block in shown
    ]


def _words(block):
    """Widths of columns depend on seconds, which are not compared."""
    return [line.split() for line in block.splitlines()]


def test_the_own_tests_pass_before_and_after_each_step(journey):
    runs = [d for d in journey if d.command.startswith("python -m pytest")]
    assert len(runs) == 3
    for done in runs:
        assert re.search(r"\b5 passed in ", done.printed), done.printed


@pytest.mark.usefixtures("journey")
def test_no_legacy_name_is_left(place):
    for file in place.project.rglob("*.py"):
        for line in file.read_text().splitlines():
            assert not re.search(rf"\b{LEGACY}\.", line) or "TODO" in line
    cells = (place.project / "posterior.ipynb").read_text()
    assert f"from {LEGACY}." not in cells
    # Magics are no Python, and are still there.
    assert "%matplotlib inline" in cells
    assert "%%time" in cells


@pytest.mark.usefixtures("journey")
def test_the_scripts_run_without_the_legacy_package(place):
    for script, printed in (
        ("look.py", "as by hand: True"),
        ("fit.py", "0.60"),
    ):
        done = place.run(script)
        assert done.returncode == 0, done.stderr
        assert printed in done.stdout
