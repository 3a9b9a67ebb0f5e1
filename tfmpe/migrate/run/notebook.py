"""Execution of a notebook's code cells in order, in one namespace.

Each cell is compiled under its own file name, ``fit.ipynb:cell 3``, so that
tracebacks, warnings and places of calls name the cell and the line.
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
from types import ModuleType
from typing import Any

from tfmpe.migrate.records.runs import LineNotRun
from tfmpe.migrate.sources import is_notebook, read_source

_MARK = ":cell "
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


def run_notebook(name: str) -> None:
    """Run the code cells of a notebook, until one fails.

    Lines in IPython syntax are skipped, except for the code after ``%time``
    and similar magics. Top-level ``await`` works as in Jupyter, on one event
    loop for all cells. Pictures are not shown.
    """
    cells = read_source(name).cells
    with _surroundings() as names, asyncio.Runner() as loop:
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        for cell in cells:
            file, text = f"{name}{_MARK}{cell.number}", cell.text
            lines = text.splitlines(keepends=True)
            # Without a modification time, linecache does not look for a file.
            linecache.cache[file] = (len(text), None, lines, file)
            for magic in cell.magics:
                names[magic.placeholder.strip().rstrip(";")] = None
            code = compile(cell.code, file, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & _FUTURE
            if code.co_flags & inspect.CO_COROUTINE:
                loop.run(eval(code, names))
            else:
                exec(code, names)


def lines_not_run(name: str) -> tuple[LineNotRun, ...]:
    """Return the lines of a notebook that `run_notebook` skips."""
    return tuple(
        LineNotRun(cell.number or 0, magic.line, magic.text.strip())
        for cell in (read_source(name).cells if is_notebook(name) else ())
        for number, magic in enumerate(cell.magics)
        # Omit timed code, because it runs. Of a command, or of a cell in
        # another language, list only the first line.
        if ";" not in magic.placeholder
        and not (magic.placeholder.startswith("#") and number > 0)
    )


def cell_of(file: str) -> tuple[str, int | None]:
    """Return the notebook and the cell in a code object's file name."""
    notebook, mark, number = file.rpartition(_MARK)
    if mark and number.isdecimal() and is_notebook(notebook):
        return notebook, int(number)
    return file, None


@contextmanager
def _surroundings() -> Iterator[dict[str, Any]]:
    """Replace the main module, and draw pictures without showing them."""
    before = sys.modules["__main__"]
    module = ModuleType("__main__")
    module.__dict__["display"] = print
    sys.modules["__main__"] = module
    added = "MPLBACKEND" not in os.environ
    # Other backends would open a window and wait.
    os.environ.setdefault("MPLBACKEND", "agg")
    try:
        yield module.__dict__
    finally:
        sys.modules["__main__"] = before
        if added:
            os.environ.pop("MPLBACKEND", None)
