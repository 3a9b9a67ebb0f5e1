"""Running a script, a notebook or a module, as Python itself would."""

import importlib
import importlib.util
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from tfmpe.migrate.legacy_names import BRIDGE

from .notebook import run_notebook

__all__ = ["Program", "has_module", "run_program"]

_OURS = str(Path(__file__).resolve().parent)
_INTERRUPTED = 130
_FAILED = 1


@dataclass(frozen=True)
class Program:
    """What is run, and on which arguments.

    Parameters
    ----------
    name
        The file of a script or of a notebook, or the name of a module.
    arguments
        What it finds in ``sys.argv[1:]``.
    is_module
        Whether it is a module, as of ``python -m``.
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
    """Run a program in this process and return its exit code.

    Parameters
    ----------
    program
        A script, a notebook or a module. Its ``__name__`` is ``'__main__'``;
        its folder is first on the path; both are undone afterwards.

    Returns
    -------
    int
        What it handed to ``sys.exit``; 1 after an exception, whose traceback
        is printed without the frames of this package.
    """
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
    """Return whether a program could find a module.

    Nothing is imported: what a package imports may differ from before once
    the bridge or a watch is there.

    Parameters
    ----------
    program
        What lies beside its script is found as well.
    name
        The module or package, with dots.

    Returns
    -------
    bool
    """
    top, *below = name.split(".")
    with _surroundings(program):
        importlib.invalidate_caches()
        spec = importlib.util.find_spec(top)
        for part in below:
            if spec is None or spec.submodule_search_locations is None:
                return False
            # By the last part alone: with all of them, a package without
            # an __init__ asks for its parent, which is not imported.
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
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code
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
            "lists the legacy names of a script that it lacks.)",
            file=sys.stderr,
        )


def _drop_our_frames(shown: traceback.TracebackException) -> None:
    """Leave what the script would have shown, also in its causes."""
    kept = [
        frame
        for frame in shown.stack
        if not frame.filename.startswith((_OURS, "<frozen runpy"))
    ]
    shown.stack = traceback.StackSummary.from_list(kept)
    for inner in (
        shown.__cause__,
        shown.__context__,
        *(shown.exceptions or ()),
    ):
        if inner is not None:
            _drop_our_frames(inner)
