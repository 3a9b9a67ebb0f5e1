"""Base classes of all records, and places in the user's files."""

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
"""A whole number that is not negative."""


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A record that refuses undeclared fields."""


class Content(Strict, frozen=True, tag_field="tool", tag=str.lower):
    """Output of a command; ``tool`` is the command's name."""


class Place(Strict, frozen=True, order=True):
    """A place in a script or a notebook; all numbers start at 1."""

    file: str  # as the user named it
    line: Count  # in a notebook, of the cell
    column: Count = 1
    cell: Count | None = None  # number of the code cell in a notebook

    def __str__(self) -> str:
        """Return the place in the format of a compiler."""
        cell = "" if self.cell is None else f", cell {self.cell}"
        return f"{self.file}{cell}:{self.line}"
