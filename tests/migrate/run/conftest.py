"""Fixtures that run scripts and notebooks in this process."""

import textwrap

import pytest

from migrate.plain import forget
from migration.workplace import write_stand_in
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.targets import bridge
from tfmpe.migrate.run.program import Program, run_program
from tfmpe.migrate.run.shadow import run_in_shadow

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
    forget(LEGACY)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a function that installs a copy of the bridge with added code."""
    pytest.importorskip("diffrax", reason="needs the extra flow")
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")

    def install(module="__init__", code=""):
        write_stand_in(tmp_path / "site")
        with (tmp_path / "site" / LEGACY / f"{module}.py").open("a") as file:
            file.write(code)
        monkeypatch.syspath_prepend(tmp_path / "site")

    return install


@pytest.fixture
def script(write, tmp_path, monkeypatch):
    """Return a function that writes a script with a common beginning."""
    (tmp_path / "scripts").mkdir()
    monkeypatch.chdir(tmp_path / "scripts")

    def script(text, *arguments):
        write({"scripts/fit.py": PRELUDE + textwrap.dedent(text)})
        return Program("fit.py", arguments)

    return script


@pytest.fixture
def shadowed(capsys):
    """Return a function that compares prints with a run without a shadow."""

    def shadowed(program):
        assert run_program(program) == 0, capsys.readouterr().err
        alone = capsys.readouterr().out
        forget(LEGACY)
        report = run_in_shadow(program)
        assert capsys.readouterr().out == alone
        assert report.not_compared == ()
        return report

    return shadowed


@pytest.fixture
def notebook(write, tmp_path, monkeypatch):
    """Return a function that writes code cells after a text cell."""
    monkeypatch.chdir(tmp_path)

    def notebook(*codes):
        write({"fit.ipynb": [("markdown", "# Title"), *codes]})
        return Program("fit.ipynb", ("one",))

    return notebook


def replayed(folder):
    """Return comparisons of the bridge with all calls in a folder."""
    files = find_recordings(folder)
    cases = [case for file in files for case in read_cases(file, folder)]
    return [replay(case, bridge) for case in cases]
