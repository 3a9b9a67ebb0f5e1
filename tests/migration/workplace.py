"""A copy of the small project, and commands that are run in it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import tfmpe.compat
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY

__all__ = ["Workplace", "write_stand_in"]

_ROOT = Path(__file__).parents[2]
_SECONDS = re.compile(
    r"\b\d+(\.\d+)?(e[-+]\d+)? ?(s|ms|us|ns)\b( \(\d+:\d\d:\d\d\))?"
)
# Unbuffered: what a script prints stays before what is said of it.
_SETTINGS = dict.fromkeys(("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"), "1")
_SETTINGS |= {"JAX_PLATFORMS": "cpu", "COLUMNS": "80", "NO_COLOR": "1"}
_SETTINGS |= {"TFMPE_COMPAT": "warn", "TFMPE_COMPAT_FIX": ""}


def write_stand_in(folder: Path) -> None:
    """Write a package that is called like the legacy one.

    It is the bridge's files under another name: a package to be imported,
    recorded and compared, that shares no class with the bridge. It cannot
    prove that the bridge does what the legacy package did; the recordings in
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
    # The legacy package does not know of its defects.
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

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit code, and what was printed; seconds as ``… s``."""
        program, *arguments = shlex.split(command)
        begins = {
            "git": ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"],
            "python": [sys.executable],
            "tfmpe": [sys.executable, "-m", "tfmpe"],
        }
        paths = os.pathsep.join(map(str, self.paths))
        done = subprocess.run(
            [*begins[program], *arguments],
            cwd=self.project,
            env=os.environ | _SETTINGS | {"PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        printed = done.stdout.replace(f"{self.project}/", "").strip("\n")
        lines = _SECONDS.sub("… s", printed).splitlines()
        return done.returncode, "\n".join(line.rstrip() for line in lines)
