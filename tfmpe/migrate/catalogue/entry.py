"""Entries of the catalog, with the fields of the files in ``entries/``."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

_Name = Annotated[str, Meta(pattern=r"\A[a-z0-9]+(-[a-z0-9]+)*\Z")]
_Line = Annotated[str, Meta(pattern=r"\A[^\n]*[^\n.]\Z")]
_Text = Annotated[str, Meta(min_length=1)]


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Description of one code; the examples may be empty."""

    code: str
    name: _Name
    summary: _Line
    text: _Text
    before: str = ""
    after: str = ""
    then: str = ""


class Advice(Entry, frozen=True, kw_only=True):
    """Advice on how to replace a use of the legacy package."""

    # Replacements of legacy names on Tokens, by module.
    names: Mapping[str, Mapping[str, _Line]] = {}
    what_to_do: _Text


class Defect(Entry, frozen=True, kw_only=True):
    """A defect of the legacy package."""

    # Consequences for users, and the behavior of the core.
    cost: _Text
    core: _Text

    @property
    def warning(self) -> str | None:
        """Name of the bridge's warning class, or None."""
        from tfmpe.compat import defects

        codes = {k: getattr(v, "code", None) for k, v in vars(defects).items()}
        return next((k for k, code in codes.items() if code == self.code), None)

    @property
    def fix(self) -> str | None:
        """Effect of ``fix=`` in the bridge, or None."""
        from tfmpe.compat.fixes import FIXABLE

        return FIXABLE.get(self.code)
