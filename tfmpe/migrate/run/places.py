"""Where a person's code called the legacy package."""

from pathlib import Path
from typing import NamedTuple

from tfmpe.migrate.records.places import Place
from tfmpe.preprocessing._callers import _caller

from .notebook import cell_of

__all__ = ["Site", "call_site"]


class Site(NamedTuple):
    """A legacy function, by its full name, and a place that called it."""

    function: str
    place: Place

    @property
    def name(self) -> str:
        """The function without its module, but with its class."""
        *_, owner, name = self.function.split(".")
        return f"{owner}.{name}" if owner[:1].isupper() else name

    def __str__(self) -> str:
        """Return both as a person would say it."""
        return f"{self.name} from {self.place}"


def call_site(function: str) -> Site:
    """Return the innermost line outside of this package and jax."""
    frame = _caller()
    file, cell = cell_of(frame.f_code.co_filename)
    path, here = Path(file), Path.cwd()
    if path.is_relative_to(here):
        path = path.relative_to(here)
    return Site(function, Place(path.as_posix(), frame.f_lineno, 1, cell))
