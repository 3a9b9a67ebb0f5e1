"""Copies of the projects, and commands that are run in them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from migration.stand_in import write_stand_in

__all__ = ["PROJECTS", "ROOT", "Workplace"]

ROOT = Path(__file__).parents[2]
PROJECTS = Path(__file__).with_name("projects")


class Workplace:
    """A copy of a project, with a stand-in for the legacy package beside it.

    Parameters
    ----------
    folder : Path
        Is made, with ``project`` and ``legacy`` inside.
    name : str
        Of the project.
    """

    def __init__(self, folder: Path, name: str = "growth") -> None:
        self.project = folder / "project"
        self.legacy = folder / "legacy"
        ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
        shutil.copytree(PROJECTS / name, self.project, ignore=ignored)
        self.legacy.mkdir()
        write_stand_in(self.legacy)

    def run(
        self,
        *arguments: str,
        legacy: bool = False,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in the project, with the legacy package if wanted.

        Parameters
        ----------
        *arguments : str
            As after ``python``.
        legacy : bool
            Whether the legacy package is installed.
        stderr : int
            Where errors go, as of ``subprocess.run``.
        """
        paths = [str(ROOT), *([str(self.legacy)] if legacy else [])]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "JAX_PLATFORMS": "cpu",
            "COLUMNS": "80",
            "NO_COLOR": "1",
        }
        for variable in ("TFMPE_COMPAT", "TFMPE_COMPAT_FIX"):
            environment.pop(variable, None)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
            text=True,
            timeout=300,
        )

    def tfmpe(
        self,
        *arguments: str,
        legacy: bool = False,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line in the project."""
        return self.run("-m", "tfmpe", *arguments, legacy=legacy, stderr=stderr)
