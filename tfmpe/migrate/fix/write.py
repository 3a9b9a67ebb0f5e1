"""Writing what was computed, with the originals kept first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmpe.migrate.sources import SourceError
from tfmpe.migrate.sources.source import replace_content

from .files import FixedFile
from .runs import keep

__all__ = ["Written", "write_files"]


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    run : str or None
        The run to undo; None if there was nothing to write.
    failed : tuple of SourceError
        Files that could not be written, and are as they were.
    """

    run: str | None
    failed: tuple[SourceError, ...] = ()


def write_files(root: Path, files: Sequence[FixedFile]) -> Written:
    """Write files, each as a whole or not at all.

    Parameters
    ----------
    root
        The folder that the originals are kept in, under ``.tfmpe``.
    files
        Those that are unchanged are left alone.

    Returns
    -------
    Written

    Raises
    ------
    OSError
        If the originals cannot be kept; then nothing was written.
    """
    changed = [file for file in files if file.changed]
    if not changed:
        return Written(None)
    run = keep(root, changed)
    failed = []
    for file in changed:
        try:
            replace_content(file.path, file.old, file.new)
        except SourceError as error:
            failed.append(error)
    return Written(run, tuple(failed))
