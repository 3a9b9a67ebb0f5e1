"""Modules of a package that imports the legacy package itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfmpe.migrate.legacy_names import is_below

TESTS = Path(__file__).resolve().parents[2]
PARENT = "from sfmpe.util.dataloader import flatten_structured\n"
FIT = """\
import jax.numpy as jnp
from my_project import flatten_structured
ones = jnp.ones((2, 3, 1))
flatten_structured({"theta": {"mu": ones}, "y": {"obs": ones}})
print("fitted", __spec__.name)
"""
WAYS = [["run"], ["run", "--shadow"], ["record"]]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that writes a package, and enter its folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write(parent=PARENT, fit=FIT, package="my_project"):
        below = folder / package
        below.mkdir(parents=True)
        if parent is not None:
            (below / "__init__.py").write_text(parent)
        (below / "fit.py").write_text(fit)

    yield write
    for name in [n for n in sys.modules if is_below(n, "my_project")]:
        del sys.modules[name]


def test_a_parent_may_import_a_legacy_package_that_is_not_there(
    command, project
):
    project()
    found = command("run", "-m", "my_project.fit")
    assert (found.exit_code, found.stdout) == (0, "fitted my_project.fit\n")
    assert "1 legacy call from 1 place" in found.stderr


def test_what_a_parent_imports_is_of_the_bridge(command, legacy, project):
    legacy("mask")
    project()
    found = command("run", "--json", "seen.json", "-m", "my_project.fit")
    assert found.exit_code == 0
    assert "1 legacy call from 1 place" in found.stderr
    (call,) = json.loads(Path("seen.json").read_text())["calls"]
    assert (call["function"], call["line"]) == (
        "sfmpe.util.dataloader.flatten_structured",
        4,
    )


def test_what_a_parent_imports_is_compared(command, legacy, project):
    legacy()
    project()
    found = command("run", "--shadow", "-m", "my_project.fit")
    assert found.exit_code == 0
    assert "1 call compared: 1 identical" in found.stderr


def test_what_a_parent_imports_is_recorded(command, legacy, project):
    legacy()
    project()
    found = command("record", "-m", "my_project.fit")
    assert found.exit_code == 0
    assert "1 case in recordings" in found.stderr


def test_a_process_of_its_own_is_on_the_bridge(legacy, project, tmp_path):
    legacy()
    project()
    path = os.pathsep.join([str(tmp_path / "site"), str(TESTS), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "tfmpe", "run", "-m", "my_project.fit"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (done.returncode, done.stdout) == (0, "fitted my_project.fit\n")
    assert "1 legacy call from 1 place" in done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_a_parent_that_fails_is_the_scripts_failure(
    command, legacy, project, way
):
    legacy()
    project("import no_such_thing\n")
    found = command(*way, "-m", "my_project.fit")
    assert found.exit_code == 1
    assert "No module named 'no_such_thing'" in found.stderr
    assert "my_project/__init__.py" in found.stderr
    assert "there is no module" not in found.stderr


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name",
    ["my_project.fitt", "my_project.fit.deeper", "my_project..fit", ".fit"],
)
def test_a_module_that_is_not_there_is_wrong_usage(
    command, legacy, project, way, name
):
    legacy()
    project("print('imported')\n")
    found = command(*way, "-m", name)
    assert found.exit_code == 2
    assert f"there is no module '{name}'" in found.output
    assert "imported" not in found.output


def test_a_package_needs_no_init(command, project):
    project(None, "print(__spec__.name)\n", "my_project/deep/deeper")
    found = command("run", "-m", "my_project.deep.deeper.fit")
    assert found.stdout == "my_project.deep.deeper.fit\n"
    assert found.exit_code == 0
