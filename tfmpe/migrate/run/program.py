"""Running a script, a notebook or a module, as Python itself would."""

import asyncio
import importlib
import importlib.util
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from itertools import dropwhile
from pathlib import Path

from tfmpe.migrate.legacy_names import BRIDGE

from .notebook import run_notebook

__all__ = ["Program", "has_module", "run_program"]

_HIDDEN = (str(Path(__file__).resolve().parent), "<frozen runpy")
_LOOP = str(Path(asyncio.__file__).parent)
_INTERRUPTED = 130
_FAILED = 1


@dataclass(frozen=True)
class Program:
    """A script, a notebook, or a module as of ``python -m``.

    Its arguments are what it finds in ``sys.argv[1:]``.
    """

    name: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, by its name."""
        return not self.is_module and Path(self.name).suffix.lower() == ".ipynb"

    @property
    def folder(self) -> str:
        """What Python would put first on its path."""
        here = Path.cwd() if self.is_module else Path(self.name).parent
        return str(here.resolve())


def run_program(program: Program) -> int:
    """Run a program in this process and return its exit code."""
    with _surroundings(program):
        try:
            if program.is_module:
                runpy.run_module(
                    program.name, run_name="__main__", alter_sys=True
                )
            elif program.is_notebook:
                run_notebook(program.name)
            else:
                runpy.run_path(program.name, run_name="__main__")
        except SystemExit as end:
            return _code_of(end)
        except KeyboardInterrupt:
            return _INTERRUPTED
        except Exception as error:
            _show(error)
            return _FAILED
    return 0


def has_module(program: Program, name: str) -> bool:
    """Return whether a program could find a module; nothing is imported.

    What a package imports may differ from before once the bridge or an
    observer is there.
    """
    top, *below = name.split(".")
    with _surroundings(program):
        importlib.invalidate_caches()
        try:
            spec = importlib.util.find_spec(top)
        # Such as __main__.
        except ValueError:
            return False
        for part in below:
            if spec is None or spec.submodule_search_locations is None:
                return False
            # By the last part: with all of them, a package without an
            # __init__ asks for its parent, which is not imported.
            spec = PathFinder.find_spec(
                part, list(spec.submodule_search_locations)
            )
    return spec is not None


@contextmanager
def _surroundings(program: Program) -> Iterator[None]:
    path, argv = list(sys.path), sys.argv
    sys.path.insert(0, program.folder)
    sys.argv = [program.name, *program.arguments]
    try:
        yield
    finally:
        # In place: others may hold the list.
        sys.path[:] = path
        sys.argv = argv


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return _FAILED


def _show(error: Exception) -> None:
    shown = traceback.TracebackException.from_exception(error)
    _drop_our_frames(shown)
    print("".join(shown.format()), end="", file=sys.stderr)
    name = getattr(error, "name_from", None) or getattr(error, "name", None)
    if isinstance(error, ImportError) and str(name).startswith(BRIDGE):
        print(
            f"({BRIDGE} stands for the legacy package here; `tfmpe scan` "
            "lists the legacy names of a script that it does not have.)",
            file=sys.stderr,
        )


def _drop_our_frames(shown: traceback.TracebackException) -> None:
    """Leave what the script would have shown, also in its causes."""
    kept = [f for f in shown.stack if not f.filename.startswith(_HIDDEN)]
    # A notebook's top-level await begins in the event loop.
    rest = dropwhile(lambda f: f.filename.startswith(_LOOP), kept)
    shown.stack = traceback.StackSummary.from_list(rest)
    inner = (shown.__cause__, shown.__context__, *(shown.exceptions or ()))
    for each in inner:
        if each is not None:
            _drop_our_frames(each)
