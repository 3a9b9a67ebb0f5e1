"""A module as its text is now, in a project of files as they were."""

import re
from pathlib import Path

import libcst as cst

from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.names.others import Others
from tfmpe.migrate.names.syntax import Syntax

from .module import Module

__all__ = ["UnfaithfulError", "parsed"]


_FORM_FEEDS = re.compile(r"(\r\n?|\n)(\f+)")


class UnfaithfulError(ValueError):
    """The parser would not give the text back as it was."""


def parsed(code: str, path: Path, others: Others) -> Module:
    """Parse the present text of a file.

    Parameters
    ----------
    code
        The text.
    path
        The file.
    others
        The project that it is part of.

    Returns
    -------
    Module

    Raises
    ------
    libcst.ParserSyntaxError
        If it is not Python.
    UnfaithfulError
        If the places of nodes would not be those in the text.
    """
    # The parser drops a form feed that begins a line. As blanks at the end of
    # the line before it changes nothing, and keeps all places.
    kept = _FORM_FEEDS.sub(lambda found: " " * len(found[2]) + found[1], code)
    tree = cst.parse_module(kept)
    if tree.code != kept:
        raise UnfaithfulError(
            "its parser does not keep all characters; remove form feeds"
        )
    project = _Present(path, others)
    project.names = ModuleNames(path, Syntax(tree), project)
    return Module(project.names, code)


class _Present(Others):
    def __init__(self, path: Path, others: Others):
        self.project = others.project
        self.names: ModuleNames | None = None
        self._path = path
        self._others = others

    def names_of(self, path: Path) -> ModuleNames | None:
        """Return the present names of the module, others as of their files."""
        if path == self._path:
            return self.names
        return self._others.names_of(path)

    def asked_of(self, path: Path) -> frozenset[str]:
        """Return names that other files take from a file."""
        return self._others.asked_of(path)
