"""Reading a project: which of its files legacy names can reach."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

from tfmpe.migrate.sources import (
    Document,
    Source,
    SourceError,
    check_syntax,
    find_sources,
    read_source,
)

from .known import mentions, telling_method
from .module_names import ModuleNames
from .others import Others
from .project import Project, imported_modules
from .syntax import Syntax
from .taken import taken_from

__all__ = ["Reach", "too_deep"]

Progress = Callable[[float, str], None]


class Reach(Others):
    """The files below some paths, read and their syntax checked.

    Parameters
    ----------
    paths
        Files and folders.
    progress
        Told how far it is, from 0 to 1, and with which file.

    Attributes
    ----------
    files : tuple of Path
        All that were found.
    sources : dict
        Those that are Python, by their paths.
    documents : dict
        Those that mention a legacy package, or import from one that does.
    not_read : list of SourceError
        The others. What `names_of` cannot parse is added.
    """

    def __init__(
        self, paths: Sequence[str | Path], progress: Progress | None = None
    ):
        found = find_sources(paths)
        self.files = found.files
        self.not_read = list(found.not_read)
        self.project = Project(
            [path for path in found.files if path.suffix.lower() != ".ipynb"]
        )
        self.sources: dict[Path, Source] = {}
        self._imports: dict[Path, frozenset[tuple[str, ...]]] = {}
        self._mentioning: set[Path] = set()
        self._names: dict[Path, ModuleNames | None] = {}
        self._asked: dict[Path, frozenset[str]] = {}
        for number, path in enumerate(found.files):
            if progress is not None:
                progress(number / len(found.files), path.name)
            self._read(path)
        self._used_by = self.project.used_by(self._imports)
        reached = self.project.importers(self._used_by, self._mentioning)
        self.documents = {
            path: Document(source)
            for path, source in self.sources.items()
            if path in reached
        }

    def _read(self, path: Path) -> None:
        try:
            source = read_source(path)
            trees = [check_syntax(source, cell) for cell in source.cells]
        except SourceError as error:
            self.not_read.append(error)
            return
        self.sources[path] = source
        self._imports[path] = frozenset().union(
            *(imported_modules(tree, path, self.project) for tree in trees)
        )
        texts = [
            text
            for cell in source.cells
            for text in (cell.code, *(magic.text for magic in cell.magics))
        ]
        if any(map(mentions, texts)) or any(map(_has_long_call, trees)):
            self._mentioning.add(path)

    def names_of(self, path: Path) -> ModuleNames | None:
        """Return what names stand for in a file that is in reach."""
        if path not in self._names:
            self._names[path] = None
            document = self.documents.get(path)
            if document is not None:
                try:
                    self._names[path] = ModuleNames(
                        path, Syntax(document.module()), self
                    )
                except SourceError as error:
                    self.not_read.append(error)
                except RecursionError:
                    self.not_read.append(too_deep(document.source))
        return self._names[path]

    def asked_of(self, path: Path) -> frozenset[str]:
        """Return names that other files take from a file."""
        if path not in self._asked:
            names = map(self.names_of, self._used_by.get(path, ()))
            self._asked[path] = frozenset().union(
                *(taken_from(path, each) for each in names if each)
            )
        return self._asked[path]


def _has_long_call(tree: ast.AST) -> bool:
    """Whether a method is called as no other package's is."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and telling_method(node.func.attr, len(node.args), frozenset())
        for node in ast.walk(tree)
    )


def too_deep(source: Source) -> SourceError:
    """Return the error of a file that recursion cannot follow."""
    return SourceError(source.path, "the code is nested too deeply")
