"""What the scanner says of a module: whose methods are called."""

from pathlib import Path

from tfmpe.migrate.scan.document import Document
from tfmpe.migrate.scan.find_sites import find_sites
from tfmpe.migrate.scan.project import Project
from tfmpe.migrate.scan.resolve import ModuleNames, Others
from tfmpe.migrate.sources import Cell
from tfmpe.migrate.sources.python_file import PythonFile

__all__ = ["calls_of"]


class _Alone(Others):
    """A project of one module."""

    def __init__(self, document: Document) -> None:
        self.project = Project([])
        self.names = ModuleNames(document.source.path, document.module(), self)

    def names_of(self, path: Path) -> ModuleNames:
        """Return those of the module; there is no other."""
        del path
        return self.names


def calls_of(code: str, wanted: frozenset[str]) -> set[tuple[int, int]]:
    """Return where a module uses what some rules are about.

    Parameters
    ----------
    code
        The text of the module.
    wanted
        Codes of rules.

    Returns
    -------
    set of (int, int)
        Lines and columns, from 1.
    """
    path = Path("module.py")
    source = PythonFile(path, (Cell(None, code),), code.encode(), "utf-8")
    document = Document(source)
    sites, _ = find_sites(_Alone(document).names, document)
    return {(s.place.line, s.place.column) for s in sites if s.code in wanted}
