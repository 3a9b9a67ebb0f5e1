"""What is said about one code, wherever it is said."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Entry", "Safety"]

Safety = Literal["safe", "unsafe", "manual"]


@dataclass(frozen=True)
class Entry:
    """A rule of the scanner, or a defect of the legacy package.

    Attributes
    ----------
    code : str
        ``'T101'`` for rules, ``'L19'`` for defects.
    name : str
        A few words joined by hyphens.
    summary : str
        One line, without a full stop.
    safety : str or None
        Of a rule: ``'safe'`` if rewriting keeps every number and every other
        use of the name; ``'unsafe'`` if it should be looked at; ``'manual'``
        if a person has to do it. None for defects.
    text : str
        What it is and what to do, in Markdown.
    before, after : str
        An example in legacy code and on Tokens; may be empty.
    """

    code: str
    name: str
    summary: str
    safety: Safety | None = None
    text: str = ""
    before: str = ""
    after: str = ""
