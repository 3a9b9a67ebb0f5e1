"""Scanning files and folders."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tfmpe.migrate.names.reach import Reach, too_deep
from tfmpe.migrate.sources import deep_recursion
from tfmpe.migrate.sources.errors import shown

from .find_sites import find_sites
from .results import Report, Site, Undecided

__all__ = ["scan"]

Progress = Callable[[float, str], None]


def scan(
    paths: Sequence[str | Path], progress: Progress | None = None
) -> Report:
    """Find all uses of legacy names below some paths.

    Every file is read and its syntax checked. Only those that mention a
    legacy package, or import from one that does, are looked into.

    Parameters
    ----------
    paths
        Files and folders.
    progress
        Told how far it is, from 0 to 1, and with which file.

    Returns
    -------
    Report

    Examples
    --------
    >>> scan(["no_such_folder"]).exit_code
    3
    """
    told = progress or (lambda share, label: None)
    reach = Reach(paths, lambda share, label: told(0.7 * share, label))
    sites: list[Site] = []
    undecided: list[Undecided] = []
    with deep_recursion():
        # First all, since names are followed from file to file.
        for path in reach.documents:
            reach.names_of(path)
        for number, (path, document) in enumerate(reach.documents.items()):
            told(0.7 + 0.3 * number / len(reach.documents), document.name)
            names = reach.names_of(path)
            if names is None:
                continue
            try:
                found = find_sites(names, document)
            except RecursionError:
                reach.not_read.append(too_deep(document.source))
                continue
            sites += found[0]
            undecided += found[1]
    not_read = sorted(reach.not_read, key=lambda error: error.file)
    failed = {error.file for error in not_read}
    return Report(
        sum(shown(path) not in failed for path in reach.files),
        tuple(sites),
        tuple(undecided),
        tuple(not_read),
    )
