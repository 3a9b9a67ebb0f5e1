"""What all records are made of, and places in the files of a user."""

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["Content", "Count", "Place", "Strict"]

Count = Annotated[int, Meta(ge=0)]
"""A whole number that is not negative."""


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A record without names that nobody has declared."""


class Content(Strict, frozen=True, tag_field="tool", tag=str.lower):
    """All that a command writes; ``tool`` says which command."""


class Place(Strict, frozen=True, order=True):
    """A place in a script or a notebook.

    Attributes
    ----------
    file : str
        As the user named it.
    line : int
        From 1; in a notebook, of the cell.
    column : int
        From 1.
    cell : int or None
        Which code cell of a notebook, from 1; None in a script.

    Examples
    --------
    >>> str(Place("fit.py", 3)), str(Place("fit.ipynb", 3, cell=2))
    ('fit.py:3', 'fit.ipynb, cell 2:3')
    """

    file: str
    line: Count
    column: Count = 1
    cell: Count | None = None

    def __str__(self) -> str:
        """Return it as a compiler would name it."""
        cell = "" if self.cell is None else f", cell {self.cell}"
        return f"{self.file}{cell}:{self.line}"
