"""The small project is what it says, before anything is done to it."""

import json

import pytest

from migration.workplace import PROJECTS, Workplace
from tfmpe.migrate.legacy_names import LEGACY, NAMES


@pytest.fixture
def place(tmp_path):
    """Return a copy, with a stand-in for the legacy package."""
    return Workplace(tmp_path)


def test_the_stand_in_shares_nothing_with_the_bridge(place):
    """Its classes and functions are its own, or nothing would be compared."""
    code = (
        f"from {LEGACY}.util.dataloader import flatten_structured\n"
        f"from {LEGACY}.sfmpe import SFMPE\n"
        "print(flatten_structured.__module__, SFMPE.__module__)\n"
        "import sys\n"
        "print(any(name.startswith('tfmpe.compat') for name in sys.modules))\n"
    )
    done = place.run("-c", code, legacy=True)
    function, owner, shared = done.stdout.split()
    assert function.startswith(f"{LEGACY}."), done.stderr
    assert owner == f"{LEGACY}.sfmpe"
    assert shared == "False"


def test_the_stand_in_has_every_legacy_name(place):
    lines = [
        f"from {LEGACY}.{name.module} import {name.name}"
        for name in NAMES.values()
        if "." not in name.name
    ]
    done = place.run("-c", "\n".join(lines), legacy=True)
    assert done.returncode == 0, done.stderr


def test_it_needs_the_legacy_package(place):
    done = place.run("look.py")
    assert f"No module named '{LEGACY}'" in done.stderr


def test_its_masks_are_right(place):
    done = place.run("look.py", legacy=True)
    assert done.stdout.splitlines()[:5] == [
        ".........",
        "###......",
        "...###...",
        "......###",
        "as by hand: True",
    ], done.stderr


def test_the_cells_of_its_notebook_run(place):
    """Without the magics, which are no Python."""
    cells = json.loads((place.project / "posterior.ipynb").read_text())["cells"]
    lines = [
        line
        for cell in cells
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
    ]
    assert sum(line.startswith(("%", "!")) for line in lines) == 4
    code = "\n".join(line for line in lines if not line.startswith(("%", "!")))
    done = place.run("-c", code, legacy=True)
    assert done.stdout == "9\n", done.stderr


def test_it_is_written_in_the_legacy_style():
    sources = [file.read_text() for file in (PROJECTS / "growth").rglob("*.py")]
    assert any(f"import {LEGACY}.util.dataloader as" in s for s in sources)
    assert any(f"from {LEGACY}.structured_cnf import" in s for s in sources)
    assert not any("tfmpe" in s for s in sources)
