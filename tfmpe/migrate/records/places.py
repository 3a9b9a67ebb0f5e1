"""Base classes of all records, and places in the user's files."""

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
"""A whole number that is not negative."""


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A record without names that nobody has declared."""


class Content(Strict, frozen=True, tag_field="tool", tag=str.lower):
    """All that a command writes; ``tool`` says which command."""


class Place(Strict, frozen=True, order=True):
    """A place in a script or a notebook; all numbers count from 1."""

    file: str  # as the user named it
    line: Count  # in a notebook, of the cell
    column: Count = 1
    cell: Count | None = None  # which code cell of a notebook

    def __str__(self) -> str:
        """Return it as a compiler would name it."""
        cell = "" if self.cell is None else f", cell {self.cell}"
        return f"{self.file}{cell}:{self.line}"
