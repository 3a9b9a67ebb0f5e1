"""What a file finds around it when it is run."""

import re
from dataclasses import replace

from tfmpe.migrate.sources import Source

from .local_modules import shadowed_by
from .result import Options

__all__ = ["in_surroundings"]

_INTERACTIVE = frozenset(
    {"In", "Out", "_", "__", "___", "display", "exit", "get_ipython", "quit"}
)


def in_surroundings(options: Options, source: Source) -> Options:
    """Return the options for one file.

    Parameters
    ----------
    options : Options
        For all files.
    source : Source
        The file.

    Returns
    -------
    Options
    """
    numbered = any(cell.number is not None for cell in source.cells)
    return replace(
        options,
        shadowed=shadowed_by(source.path),
        known=_session_names(source) if numbered else frozenset(),
    )


def _session_names(source: Source) -> frozenset[str]:
    """Return what a notebook can read without binding it."""
    magics = " ".join(
        magic.placeholder for cell in source.cells for magic in cell.magics
    )
    return _INTERACTIVE | frozenset(re.findall(r"\w+", magics))
