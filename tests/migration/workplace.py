"""Copy of the small project, and commands run in it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

import tfmpe.compat
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY

__all__ = ["Workplace", "write_stand_in"]

_ROOT = Path(__file__).parents[2]
_SECONDS = re.compile(
    r"\b\d+(\.\d+)?(e[-+]\d+)? ?(s|ms|us|ns)\b( \(\d+:\d\d:\d\d\))?"
)
# Unbuffered, so that the output of a script comes before messages on it.
_SETTINGS = dict.fromkeys(("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"), "1")
_SETTINGS |= {"JAX_PLATFORMS": "cpu", "COLUMNS": "80", "NO_COLOR": "1"}
_SETTINGS |= {"TFMPE_COMPAT": "warn", "TFMPE_COMPAT_FIX": ""}

# A short command spends most of its time on imports, so each is a fork of one
# process that has them. jax warns of forks; it has computed nothing by then.
_FORKS = """
import json, os, runpy, sys, warnings
import diffrax, flax.nnx, jax, optax, tfmpe.cli
warnings.filterwarnings("ignore", "os.fork")
for line in iter(sys.stdin.readline, ""):
    paths, printed, program, *sys.argv[1:] = json.loads(line)
    if os.fork() == 0:
        sys.path[:1] = [os.getcwd(), *paths]
        for stream in (1, 2):
            os.dup2(os.open(printed, os.O_WRONLY | os.O_APPEND), stream)
        sys.argv[0] = program
        if program.endswith(".py"):
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


def write_stand_in(folder: Path) -> None:
    """Write a package with the name of the legacy package.

    It consists of the bridge's files under another name: a package to import,
    record and compare that shares no class with the bridge. It cannot prove
    that the bridge behaves like the legacy package; the recordings in
    ``legacy_fixtures`` do.
    """
    home = Path(tfmpe.compat.__file__).parent
    for source in home.rglob("*.py"):
        file = folder / LEGACY / source.relative_to(home)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text().replace(BRIDGE, LEGACY)
        # One object for all calls, as in the legacy package (L20).
        shared = "rngs: nnx.Rngs = nnx.Rngs(0)"
        file.write_text(text.replace("rngs: nnx.Rngs | None = None", shared))
    # The legacy package does not know its own defects.
    with (folder / LEGACY / "legacy_warnings.py").open("a") as file:
        file.write("\nLegacyWarning.warn = classmethod(lambda cls, text: 0)\n")


class Workplace:
    """A copy of the project, with the stand-in installed."""

    def __init__(self, folder: Path) -> None:
        self.project = folder.resolve() / "project"
        self.paths = [_ROOT, folder.resolve() / "legacy"]
        shutil.copytree(Path(__file__).with_name("growth"), self.project)
        write_stand_in(self.paths[1])
        for command in ("git init -q", "git add -A", "git commit -qm Begin"):
            code, printed = self.run(command)
            assert code == 0, printed
        self._forks = subprocess.Popen(
            [sys.executable, "-c", _FORKS],
            cwd=self.project,
            env=os.environ | _SETTINGS | {"PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """End the process that runs the commands."""
        self._forks.communicate()

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit code and the output, with durations as ``… s``."""
        words = shlex.split(command.replace("python -m ", "").strip())
        if words[0] == "git":
            words[1:1] = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
            done = subprocess.run(
                words, cwd=self.project, capture_output=True, text=True
            )
            code, printed = done.returncode, done.stdout + done.stderr
        else:
            code, printed = self._fork(*words)
        printed = printed.replace(f"{self.project}/", "").strip("\n")
        lines = _SECONDS.sub("… s", printed).splitlines()
        return code, "\n".join(line.rstrip() for line in lines)

    def _fork(self, program: str, *arguments: str) -> tuple[int, str]:
        if program == "python":
            program, *arguments = arguments
        with tempfile.NamedTemporaryFile("r") as printed:
            paths = [str(path) for path in self.paths]
            given = [paths, printed.name, program, *arguments]
            self._forks.stdin.write(json.dumps(given) + "\n")
            self._forks.stdin.flush()
            return int(self._forks.stdout.readline()), printed.read()
