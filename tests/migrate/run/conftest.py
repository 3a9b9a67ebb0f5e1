"""A stand-in legacy package, and running scripts on it in this process."""

import sys
import textwrap

import pytest
from click.testing import CliRunner

pytest.importorskip("flax", reason="needs the extra flow")
pytest.importorskip("diffrax", reason="needs the extra flow")

from tfmpe.cli import cli
from tfmpe.migrate.legacy_names import is_below
from tfmpe.migrate.recordings.read import find_recordings, read_recording
from tfmpe.migrate.replay.replay import replay
from tfmpe.migrate.replay.targets import bridge
from tfmpe.migrate.run.program import Program

from .standin import build



def replayed(folder):
    """Return how the bridge compares with all calls of a folder."""
    return [
        replay(case, bridge)
        for file in find_recordings(folder)
        for case in read_recording(file, folder)
    ]


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


@pytest.fixture(autouse=True)
def _no_legacy_left():
    yield
    for name in [n for n in sys.modules if is_below(n, "sfmpe")]:
        del sys.modules[name]


@pytest.fixture
def legacy(tmp_path, monkeypatch):
    """Return a function that installs the stand-in, with a defect or none."""
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")

    def install(defect=None):
        build(tmp_path / "site", defect)
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
