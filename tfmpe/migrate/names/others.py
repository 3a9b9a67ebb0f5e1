"""The project that a module is part of."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from .project import Project

if TYPE_CHECKING:
    from .module_names import ModuleNames

__all__ = ["Alone", "Others"]


class Others(ABC):
    """Where the other modules of a project are found."""

    project: Project

    @abstractmethod
    def names_of(self, path: Path) -> "ModuleNames | None":
        """Return those of a file, or None if nothing legacy is in reach."""

    @abstractmethod
    def asked_of(self, path: Path) -> frozenset[str]:
        """Return names that other files may take from a file."""


class Alone(Others):
    """A project of one module, which knows its own names."""

    project = Project(())

    def names_of(self, path: Path) -> None:
        """Return None: there is no other."""

    def asked_of(self, path: Path) -> frozenset[str]:
        """Return nothing, since nobody asks."""
        return frozenset()
