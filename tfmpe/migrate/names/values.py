"""What an expression of a script may stand for, as far as it matters here."""

from dataclasses import dataclass
from pathlib import Path

import libcst as cst

__all__ = [
    "Instance",
    "Legacy",
    "Local",
    "LocalInstance",
    "Outside",
    "ProjectModule",
    "Value",
    "Values",
]


@dataclass(frozen=True)
class Legacy:
    """A legacy module, or what is in one; its full name."""

    name: str


@dataclass(frozen=True)
class Instance:
    """An object of a legacy class; the full name of the class."""

    name: str


@dataclass(frozen=True)
class ProjectModule:
    """A module that is scanned too."""

    path: Path


@dataclass(frozen=True)
class Local:
    """A function or a class of a module that is scanned."""

    path: Path
    node: cst.FunctionDef | cst.ClassDef


@dataclass(frozen=True)
class LocalInstance:
    """An object of a class of a module that is scanned."""

    of: Local


@dataclass(frozen=True)
class Outside:
    """Something of a package that is neither; its full name."""

    name: str


Value = Legacy | Instance | ProjectModule | Local | LocalInstance | Outside
Values = frozenset[Value]
