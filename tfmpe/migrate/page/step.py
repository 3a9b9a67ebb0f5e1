"""One thing to do, and how it names places."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from .sites import JoinedSite

__all__ = ["KINDS", "Kind", "Step", "named"]

Kind = Literal["required", "check", "optional"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""All of them, in the order in which their steps are listed."""


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
    kind : str
        ``'required'``; ``'check'`` for what shows that no number changes;
        ``'optional'`` where the code works without it.
    """

    title: str
    why: str
    commands: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    kind: Kind = "required"

    @property
    def optional(self) -> bool:
        """Whether nothing is left to do without it."""
        return self.kind == "optional"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return {**vars(self), "optional": self.optional}


def named(joined: JoinedSite) -> str:
    """Return the place and the short name of what is called there."""
    name = joined.function
    return joined.place if name is None else f"{joined.place} {name}"
