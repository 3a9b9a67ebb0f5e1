"""One thing to do, and how it names places."""

from dataclasses import dataclass
from typing import Any

from .sites import JoinedSite

__all__ = ["Step", "named"]


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes
    ----------
    title, why : str
    commands : tuple of str
        To be typed as they are, with names in capitals replaced.
    places : tuple of str
        What it is about.
    optional : bool
        Whether the code works without it.
    """

    title: str
    why: str
    commands: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    optional: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return dict(vars(self))


def named(joined: JoinedSite) -> str:
    """Return the place and the short name of what is called there."""
    name = joined.function
    return joined.place if name is None else f"{joined.place} {name}"
