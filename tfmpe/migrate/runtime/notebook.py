"""Running the code cells of a notebook, one after another, in one namespace.

A cell is compiled as a file of its own, ``fit.ipynb:cell 3``, so that
tracebacks, warnings and what is seen of calls name cell and line.
"""

import __future__

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

__all__ = ["NotRun", "cell_of", "lines_not_run", "run_notebook"]

_MARK = ":cell "
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


class NotRun(NamedTuple):
    """A line of a notebook that is IPython's own, and so was not run.

    Parameters
    ----------
    cell, line : int
        From 1; cells of text are counted.
    text : str
        What is written there; of a cell in another language, its first line.
    """

    cell: int
    line: int
    text: str

    def __str__(self) -> str:
        """Return it with its place."""
        return f"cell {self.cell}: {self.text}"


def run_notebook(name: str) -> None:
    """Run the code cells of a notebook, up to the first that fails.

    Lines in IPython's own syntax are left out; behind ``%time`` and its like
    the rest of the line is run. Pictures are not shown.

    Parameters
    ----------
    name
        Its file.

    Raises
    ------
    SourceError
        If it is no notebook.
    """
    from tfmpe.migrate.sources import read_source

    cells = read_source(name).cells
    flags = 0
    with _main_module() as names, _no_windows():
        for cell in cells:
            file = f"{name}{_MARK}{cell.number}"
            text = cell.text
            # Without a time, this is never looked for on the disk.
            linecache.cache[file] = (
                len(text), None, text.splitlines(keepends=True), file
            )  # fmt: skip
            for magic in cell.magics:
                names[_name_of(magic.placeholder)] = None
            code = compile(cell.code, file, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & _FUTURE
            exec(code, names)


def lines_not_run(name: str) -> tuple[NotRun, ...]:
    """Return the lines of a notebook that `run_notebook` leaves out.

    Parameters
    ----------
    name
        Its file; that of a script has none.

    Returns
    -------
    tuple of NotRun
    """
    from tfmpe.migrate.sources import SourceError, read_source

    if Path(name).suffix.lower() != ".ipynb":
        return ()
    try:
        cells = read_source(name).cells
    except SourceError:
        return ()
    found = []
    for cell in cells:
        for number, magic in enumerate(cell.magics):
            timed = ";" in magic.placeholder
            # Further lines of one command, or of a cell in another language.
            goes_on = magic.placeholder.startswith("#") and number > 0
            if not timed and not goes_on:
                text = magic.text.strip()
                found.append(NotRun(cell.number or 0, magic.line, text))
    return tuple(found)


def cell_of(file: str) -> tuple[str, int | None]:
    """Return the file that a frame's file is, and the cell of a notebook.

    Parameters
    ----------
    file
        As of a code object.

    Returns
    -------
    file : str
    cell : int or None

    Examples
    --------
    >>> cell_of("look/fit.ipynb:cell 3"), cell_of("fit.py")
    (('look/fit.ipynb', 3), ('fit.py', None))
    """
    notebook, mark, number = file.rpartition(_MARK)
    if mark and number.isdecimal() and notebook.lower().endswith(".ipynb"):
        return notebook, int(number)
    return file, None


@contextmanager
def _main_module() -> Iterator[dict[str, object]]:
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
    if "MPLBACKEND" in os.environ:
        yield
        return
    os.environ["MPLBACKEND"] = "agg"
    try:
        yield
    finally:
        os.environ.pop("MPLBACKEND", None)


def _name_of(placeholder: str) -> str:
    return placeholder.strip().rstrip(";")
