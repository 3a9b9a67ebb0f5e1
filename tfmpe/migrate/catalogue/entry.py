"""What is said about one code, wherever it is said."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Defect", "Entry", "Rule", "Safety"]

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
        What it is and why it matters, in Markdown.
    before, after : str
        An example in legacy code and on Tokens, on the data of
        ``catalogue.setup``; may be empty.
    check : str
        What holds when both have run: assertions.
    """

    code: str
    name: str
    summary: str
    safety: Safety | None = None
    text: str = ""
    before: str = ""
    after: str = ""
    check: str = ""


@dataclass(frozen=True)
class Rule(Entry):
    """Something that the scanner finds in a legacy script.

    Attributes
    ----------
    todo : str
        What to do by hand, or after the rewrite.
    rewrite : str
        When ``tfmpe fix`` does it, and when it does not.
    """

    todo: str = ""
    rewrite: str = ""


@dataclass(frozen=True)
class Defect(Entry):
    """Something that the legacy package does and should not.

    ``text`` is what it does, ``before`` shows it and ``after`` the core.

    Attributes
    ----------
    cost : str
        What it costs who does not know of it.
    core : str
        What the core does instead.
    """

    cost: str = ""
    core: str = ""

    @property
    def warning(self) -> str | None:
        """Name of the warning that the bridge gives, or None."""
        from tfmpe.compat import defects

        for name, value in vars(defects).items():
            if getattr(value, "code", None) == self.code:
                return name
        return None

    @property
    def fix(self) -> str | None:
        """What is different with ``fix=`` in the bridge, or None."""
        from tfmpe.compat.fixes import FIXABLE

        return FIXABLE.get(self.code)
