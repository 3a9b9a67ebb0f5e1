"""Execution of a script, notebook or module, as Python itself would run it."""

import asyncio
import importlib
import importlib.util
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

from tfmpe.migrate.sources import is_notebook

from .notebook import run_notebook

_HIDDEN = (str(Path(__file__).resolve().parent), "<frozen runpy")
_LOOP = str(Path(asyncio.__file__).parent)


@dataclass(frozen=True)
class Program:
    """A script, a notebook or a module, and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False

    @property
    def is_notebook(self) -> bool:
        """Whether the program is a notebook, by its name."""
        return not self.is_module and is_notebook(self.name)


def run_program(program: Program) -> int:
    """Run a program in this process and return its exit code."""
    name = program.name
    with _surroundings(program):
        try:
            if program.is_module:
                runpy.run_module(name, run_name="__main__", alter_sys=True)
            elif program.is_notebook:
                run_notebook(name)
            else:
                runpy.run_path(name, run_name="__main__")
        except SystemExit as end:
            if end.code is None or isinstance(end.code, int):
                return end.code or 0
            print(end.code, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        except Exception as error:
            shown = traceback.TracebackException.from_exception(error)
            _drop_our_frames(shown)
            print("".join(shown.format()), end="", file=sys.stderr)
            return 1
    return 0


def has_module(program: Program, name: str) -> bool:
    """Return whether a program could import a module's package."""
    with _surroundings(program):
        importlib.invalidate_caches()
        try:
            return importlib.util.find_spec(name.partition(".")[0]) is not None
        # For example for __main__.
        except ValueError:
            return False


@contextmanager
def _surroundings(program: Program) -> Iterator[None]:
    """Set the path and the arguments as Python would, and restore them.

    The folder is restored as well: names of files that a command writes after
    the run are relative to the folder in which it was started.
    """
    path, argv, started_in = list(sys.path), sys.argv, Path.cwd()
    folder = started_in if program.is_module else Path(program.name).parent
    sys.path.insert(0, str(folder.resolve()))
    sys.argv = [program.name, *program.arguments]
    try:
        yield
    finally:
        # In place, because other modules may refer to the list.
        sys.path[:] = path
        sys.argv = argv
        os.chdir(started_in)


def _drop_our_frames(shown: traceback.TracebackException) -> None:
    """Remove this package's frames from a traceback and its causes."""
    kept = [f for f in shown.stack if not f.filename.startswith(_HIDDEN)]
    # A notebook's top-level await starts in the event loop.
    rest = dropwhile(lambda f: f.filename.startswith(_LOOP), kept)
    shown.stack = traceback.StackSummary.from_list(rest)
    inner = (shown.__cause__, shown.__context__, *(shown.exceptions or ()))
    for each in inner:
        if each is not None:
            _drop_our_frames(each)
