"""Scanning files and folders."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tfmpe.migrate.sources import (
    Source,
    SourceError,
    check_syntax,
    deep_recursion,
    find_sources,
    read_source,
)
from tfmpe.migrate.sources.errors import shown

from .document import Document
from .find_sites import find_sites
from .known import mentions
from .project import Project, imported_modules
from .resolve import ModuleNames, Others
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
    return _Scan(paths, progress or (lambda share, label: None)).report()


class _Scan(Others):
    def __init__(self, paths: Sequence[str | Path], progress: Progress):
        found = find_sources(paths)
        self.project = Project(
            [path for path in found.files if path.suffix.lower() != ".ipynb"]
        )
        self._progress = progress
        self._files = found.files
        self._not_read = list(found.not_read)
        self._documents: dict[Path, Document] = {}
        self._names: dict[Path, ModuleNames | None] = {}

    def report(self) -> Report:
        """Read all, then look into what legacy names can reach."""
        with deep_recursion():
            for path in self._in_reach():
                self.names_of(path)
            sites: list[Site] = []
            undecided: list[Undecided] = []
            in_reach = list(self._documents.items())
            for number, (path, document) in enumerate(in_reach):
                self._progress(
                    0.7 + 0.3 * number / len(in_reach), document.name
                )
                names = self.names_of(path)
                if names is None:
                    continue
                try:
                    found = find_sites(names, document)
                except RecursionError:
                    self._not_read.append(_too_deep(document.source))
                    continue
                sites += found[0]
                undecided += found[1]
        return Report(
            len(self._files)
            - len({error.file for error in self._not_read} & self._shown()),
            tuple(sites),
            tuple(undecided),
            tuple(sorted(self._not_read, key=lambda error: error.file)),
        )

    def names_of(self, path: Path) -> ModuleNames | None:
        """Return what names stand for in a file that is in reach."""
        if path not in self._names:
            self._names[path] = None
            document = self._documents.get(path)
            if document is not None:
                try:
                    self._names[path] = ModuleNames(
                        path, document.module(), self
                    )
                except SourceError as error:
                    self._not_read.append(error)
                except RecursionError:
                    self._not_read.append(_too_deep(document.source))
        return self._names[path]

    def _in_reach(self) -> list[Path]:
        sources: dict[Path, Source] = {}
        imports = {}
        mentioning = set()
        for number, path in enumerate(self._files):
            self._progress(0.7 * number / len(self._files), path.name)
            try:
                source = read_source(path)
                imports[path] = frozenset().union(
                    *(
                        imported_modules(
                            check_syntax(source, cell), path, self.project
                        )
                        for cell in source.cells
                    )
                )
            except SourceError as error:
                self._not_read.append(error)
                continue
            sources[path] = source
            if any(
                mentions(text)
                for cell in source.cells
                for text in (cell.code, *(m.text for m in cell.magics))
            ):
                mentioning.add(path)
        reached = self.project.importers(imports, mentioning)
        self._documents = {
            path: Document(source)
            for path, source in sources.items()
            if path in reached
        }
        return list(self._documents)

    def _shown(self) -> set[str]:
        return {shown(path) for path in self._files}


def _too_deep(source: Source) -> SourceError:
    return SourceError(source.path, "the code is nested too deeply")
