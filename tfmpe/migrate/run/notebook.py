"""Running the code cells of a notebook, one after another, in one namespace.

A cell is compiled as a file of its own, ``fit.ipynb:cell 3``, so that
tracebacks, warnings and places of calls name cell and line.
"""

import __future__

import ast
import asyncio
import inspect
import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tfmpe.migrate.records.runs import LineNotRun

__all__ = ["cell_of", "lines_not_run", "run_notebook"]

_MARK = ":cell "
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


def run_notebook(name: str) -> None:
    """Run the code cells of a notebook, up to the first that fails.

    Lines in IPython's own syntax are left out; behind ``%time`` and its like
    the rest of the line is run. ``await`` outside of functions works as in
    Jupyter, on one event loop for all cells. Pictures are not shown.
    """
    from tfmpe.migrate.sources import read_source

    cells = read_source(name).cells
    with _main_module() as names, _no_windows(), asyncio.Runner() as loop:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for cell in cells:
            file = f"{name}{_MARK}{cell.number}"
            text = cell.text
            # Without a time, this is never looked for on the disk.
            linecache.cache[file] = (
                len(text), None, text.splitlines(keepends=True), file
            )  # fmt: skip
            for magic in cell.magics:
                names[magic.placeholder.strip().rstrip(";")] = None
            code = compile(cell.code, file, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & _FUTURE
            if code.co_flags & inspect.CO_COROUTINE:
                loop.run(_awaited(eval(code, names)))
            else:
                exec(code, names)


def lines_not_run(name: str) -> tuple[LineNotRun, ...]:
    """Return the lines of a notebook that `run_notebook` leaves out."""
    from tfmpe.migrate.sources import SourceError, read_source

    if Path(name).suffix.lower() != ".ipynb":
        return ()
    try:
        cells = read_source(name).cells
    except SourceError:
        return ()
    return tuple(
        LineNotRun(cell.number or 0, magic.line, magic.text.strip())
        for cell in cells
        for number, magic in enumerate(cell.magics)
        # Not what is timed, nor further lines of one command or of a cell in
        # another language.
        if ";" not in magic.placeholder
        and not (magic.placeholder.startswith("#") and number > 0)
    )


def cell_of(file: str) -> tuple[str, int | None]:
    """Return the file and the cell that the file of a code object names.

    Examples
    --------
    >>> cell_of("look/fit.ipynb:cell 3"), cell_of("fit.py")
    (('look/fit.ipynb', 3), ('fit.py', None))
    """
    notebook, mark, number = file.rpartition(_MARK)
    if mark and number.isdecimal() and notebook.lower().endswith(".ipynb"):
        return notebook, int(number)
    return file, None


async def _awaited(cell: Any) -> None:
    await cell


@contextmanager
def _main_module() -> Iterator[dict[str, Any]]:
    """Stand in for the main module, as a script would."""
    before = sys.modules["__main__"]
    module = ModuleType("__main__")
    module.__dict__["display"] = print
    sys.modules["__main__"] = module
    try:
        yield module.__dict__
    finally:
        sys.modules["__main__"] = before


@contextmanager
def _no_windows() -> Iterator[None]:
    """Let pictures be drawn and not shown: a window would wait for a person."""
    added = "MPLBACKEND" not in os.environ
    os.environ.setdefault("MPLBACKEND", "agg")
    try:
        yield
    finally:
        if added:
            os.environ.pop("MPLBACKEND", None)
