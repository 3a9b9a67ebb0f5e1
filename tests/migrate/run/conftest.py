"""A small legacy package, and running scripts on it in this process."""

import json
import sys
import textwrap

import pytest
from click.testing import CliRunner

from migration.workplace import write_stand_in
from tfmpe.cli import cli
from tfmpe.migrate.legacy_names import LEGACY, is_below
from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.targets import bridge
from tfmpe.migrate.run.program import Program

from .plain import write_plain

PRELUDE = """\
import sys
import jax
import jax.numpy as jnp
import numpy as np
from sfmpe.util.dataloader import flatten_structured
RULES = {"local": ["obs"], "cross_local": [("theta", "obs", (0, 0))]}
def data(n=2):
    return {
        "theta": {"mu": jnp.ones((n, 1, 1)), "theta": 2 * jnp.ones((n, 3, 1))},
        "y": {"obs": jnp.arange(n * 6.0).reshape(n, 3, 2, 1)},
    }
"""
CALL = "flat, slices = flatten_structured(data(), independence=RULES)\n"


@pytest.fixture(autouse=True)
def _no_legacy_left():
    yield
    forget("sfmpe")


def forget(package):
    """Let a package be imported anew."""
    for name in [n for n in sys.modules if is_below(n, package)]:
        del sys.modules[name]


@pytest.fixture
def legacy(tmp_path, monkeypatch):
    """Return a function that installs the package, with a change or none."""
    pytest.importorskip("flax", reason="needs the extra flow")
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")

    def install(change=None):
        write_plain(tmp_path / "site", change)
        monkeypatch.syspath_prepend(tmp_path / "site")

    return install


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a function that installs a copy of the bridge, with more code.

    For what a small package does not have: networks, flows and training.
    """
    pytest.importorskip("diffrax", reason="needs the extra flow")
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")

    def install(module=None, code=""):
        write_stand_in(tmp_path / "site")
        package = tmp_path / "site" / LEGACY
        if module is not None:
            with (package / f"{module}.py").open("a") as file:
                file.write(textwrap.dedent(code))
        monkeypatch.syspath_prepend(tmp_path / "site")

    return install


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Return a function that writes a script after a common beginning."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def write(text, *arguments, prelude=PRELUDE):
        (folder / "fit.py").write_text(prelude + textwrap.dedent(text))
        return Program("fit.py", arguments)

    return write


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Return a function that writes code cells behind a cell of text."""
    monkeypatch.chdir(tmp_path)

    def write(*codes):
        cells = [{"cell_type": "markdown", "metadata": {}, "source": "# Title"}]
        code = {"cell_type": "code", "execution_count": None, "outputs": []}
        for text in codes:
            cells.append(
                {**code, "metadata": {}, "source": text.splitlines(True)}
            )
        kernel = {"kernelspec": {"language": "python", "name": "k"}}
        content = {"cells": cells, "metadata": kernel}
        content |= {"nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "fit.ipynb").write_text(json.dumps(content))
        return Program("fit.ipynb", ("one",))

    return write


@pytest.fixture
def command():
    """Return a function that runs a command line in this process."""

    def run(*args):
        found = CliRunner().invoke(
            cli, [str(arg) for arg in args], env={"COLUMNS": "80"}
        )
        if isinstance(found.exception, SystemExit) or not found.exception:
            return found
        raise found.exception

    return run


def replayed(folder):
    """Return how the bridge compares with all calls of a folder."""
    return [
        replay(case, bridge)
        for file in find_recordings(folder)
        for case in read_cases(file, folder)
    ]
