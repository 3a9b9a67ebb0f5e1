"""What rewriting one module gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tfmpe.migrate.catalogue import CATALOGUE, Safety

__all__ = ["Edit", "Left", "Options", "Rewritten"]

Target = Literal["bridge", "tokens"]


@dataclass(frozen=True)
class Options:
    """What may be rewritten.

    Attributes
    ----------
    to : str
        ``'bridge'``: imports only. ``'tokens'``: calls as well.
    unsafe : bool
        Whether to apply rewrites that should be looked at.
    select, ignore : sequence of str
        Codes or their beginnings, such as ``'T1'``; all are selected by
        default, and ignoring wins.
    shadowed : str
        Why ``sfmpe`` is not the legacy package here; empty where it is.
    known : set of str
        Names that exist without being bound, as in notebooks.
    """

    to: Target = "bridge"
    unsafe: bool = False
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    shadowed: str = ""
    known: frozenset[str] = frozenset()

    def wants(self, *codes: str) -> bool:
        """Whether a rewrite with these codes is asked for."""
        return all(
            any(code.startswith(each) for each in self.select or ("",))
            and not any(code.startswith(each) for each in self.ignore)
            for code in codes
        )


@dataclass(frozen=True)
class Edit:
    """One thing that was rewritten.

    Attributes
    ----------
    line : int
        Of the original text, from 1.
    code : str
    safety : str
    before, after : str
        The text that was replaced, and what it is now.
    note : str
        What to look at afterwards; empty where nothing changes.
    """

    line: int
    code: str
    safety: Safety
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True)
class Left:
    """One thing that a person has to do.

    Attributes
    ----------
    line : int
        Of the original text, from 1.
    code : str
    why : str
    note : str
        What to look at once it is done; empty where nothing changes.
    """

    line: int
    code: str
    why: str
    note: str = ""


@dataclass(frozen=True)
class Rewritten:
    """A module after rewriting.

    Attributes
    ----------
    code : str
        Its text.
    edits : tuple of Edit
    left : tuple of Left
    """

    code: str
    edits: tuple[Edit, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True)
class Span:
    """Bytes from ``start`` to ``end``, to be replaced by ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Part:
    """One reported piece of a change: where it is, and what it becomes."""

    code: str
    start: int
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """Spans that are replaced together or not at all, and what is said.

    ``imports`` are the names of ``tfmpe`` that the new code needs, and
    ``'jnp'`` if it needs ``jax.numpy``; ``binds`` are names of new Tokens.
    """

    spans: tuple[Span, ...]
    parts: tuple[Part, ...]
    safety: Safety
    note: str = ""
    imports: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all parts, each once."""
        return tuple(dict.fromkeys(part.code for part in self.parts))


@dataclass(frozen=True)
class Remark:
    """What is left to a person, by its place in the present text.

    ``comment`` says whether the text gets a TODO: not where running again
    with another option would do it. ``note`` is what to look at then.
    """

    start: int
    code: str
    why: str
    comment: bool = True
    note: str = ""


@dataclass
class Findings:
    """What one analysis of a module proposes."""

    changes: list[Change] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def safety_of(code: str) -> Safety:
    """Return how safe a rule is, as the catalogue has it."""
    return CATALOGUE[code].safety or "manual"
