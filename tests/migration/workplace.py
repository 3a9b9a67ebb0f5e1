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
        for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Begin"]):
            done = self.git(*step)
            if done.returncode:
                raise RuntimeError(f"git {step[0]}: {done.stderr}")

    def git(
        self, *arguments: str, stderr: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run git in the project, with nobody's settings."""
        return self._call(["git", *arguments], [], stderr)

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
        paths = [ROOT, self.legacy] if legacy else [ROOT]
        return self._call([sys.executable, *arguments], paths, stderr)

    def tfmpe(
        self,
        *arguments: str,
        legacy: bool = False,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line in the project."""
        return self.run("-m", "tfmpe", *arguments, legacy=legacy, stderr=stderr)

    def _call(
        self, command: list[str], paths: list[Path], stderr: int
    ) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            # What a script prints stays before what is said of it.
            "PYTHONUNBUFFERED": "1",
            "JAX_PLATFORMS": "cpu",
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            **{
                f"GIT_{who}_{what}": f"somebody{end}"
                for who in ("AUTHOR", "COMMITTER")
                for what, end in (("NAME", ""), ("EMAIL", "@example.org"))
            },
        }
        for variable in ("TFMPE_COMPAT", "TFMPE_COMPAT_FIX"):
            environment.pop(variable, None)
        return subprocess.run(
            command,
            cwd=self.project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
            text=True,
            timeout=300,
        )
