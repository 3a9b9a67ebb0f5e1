"""Where a person's code called the legacy package."""

from pathlib import Path
from typing import NamedTuple

from tfmpe.preprocessing._callers import _caller

from .notebook import cell_of

__all__ = ["Site", "call_site"]


class Site(NamedTuple):
    """A legacy function and a line that called it.

    Parameters
    ----------
    function : str
        Its full legacy name.
    file : str
        Relative to the current folder where it lies below, with forward
        slashes.
    line : int
        From 1; of a notebook, within the cell.
    cell : int or None
        Of a notebook, from 1.
    """

    function: str
    file: str
    line: int
    cell: int | None = None

    @property
    def place(self) -> str:
        """File and line, as compilers write it."""
        return place_of(self.file, self.cell, self.line)


def place_of(file: str, cell: int | None, line: int) -> str:
    """Return a place as compilers write it.

    Parameters
    ----------
    file, cell, line
        As of `Site`.

    Returns
    -------
    str
    """
    return f"{file}:{'' if cell is None else f'cell {cell}:'}{line}"


def call_site(function: str) -> Site:
    """Return the innermost line outside of this package and jax.

    Parameters
    ----------
    function
        The full legacy name of what is called there.

    Returns
    -------
    Site
    """
    frame = _caller()
    file, cell = cell_of(frame.f_code.co_filename)
    return Site(function, _shown(file), frame.f_lineno, cell)


_shown_paths: dict[tuple[str, str], str] = {}


def _shown(file: str) -> str:
    """Return a path as a person would type it; looked up once."""
    here = str(Path.cwd())
    known = _shown_paths.get((here, file))
    if known is None:
        path = Path(file)
        if path.is_relative_to(here):
            path = path.relative_to(here)
        known = _shown_paths[here, file] = path.as_posix()
    return known
