"""What `tfmpe scan` and `tfmpe fix` found in the code of a user."""

from .places import Content, Count, Place, Strict

__all__ = ["Change", "Changed", "Fix", "Mention", "Scan", "Unread", "Use"]


class Unread(Strict, frozen=True):
    """A file that could not be read, and why."""

    file: str
    why: str


class Use(Strict, frozen=True):
    """An import of the legacy package, or a use of an imported name.

    Attributes
    ----------
    place : Place
    end_line, end_column : int
        Where it ends; the column is the first one after it.
    code : str
        Of the catalogue, such as ``'T101'``.
    name : str
        What is used, as ``sfmpe.util.dataloader.flatten_structured``.
    text : str
        The code, on one line.
    becomes : str or None
        What it becomes on the bridge (imports) or on Tokens (uses).
    """

    place: Place
    end_line: Count
    end_column: Count
    code: str
    name: str
    text: str = ""
    becomes: str | None = None


class Mention(Strict, frozen=True):
    """What is left to a person: it is not rewritten, or fails on the bridge.

    Attributes
    ----------
    place : Place
    text : str
        The line.
    why : str
        What it is: a string, a magic, a line of a configuration file.
    code : str
        Of the catalogue: ``'T003'`` for what the bridge lacks.
    """

    place: Place
    text: str
    why: str
    code: str = "T004"


class Scan(Content, frozen=True):
    """A scan of files: the JSON of ``tfmpe scan``."""

    exit_code: int
    files_read: Count
    uses: tuple[Use, ...] = ()
    mentions: tuple[Mention, ...] = ()
    unread: tuple[Unread, ...] = ()


class Change(Strict, frozen=True):
    """An import statement before and after; `name` is its first module."""

    place: Place
    before: str
    after: str
    name: str = ""


class Changed(Strict, frozen=True):
    """A file with its changed statements."""

    file: str
    changes: tuple[Change, ...]


class Fix(Content, frozen=True):
    """A rewrite of files: the JSON of ``tfmpe fix``.

    Attributes
    ----------
    exit_code : int
    written : bool
        False for ``--diff`` and ``--check``.
    changed : tuple of Changed
    left : tuple of Mention
        What a person has to look at.
    unread : tuple of Unread
    """

    exit_code: int
    written: bool
    changed: tuple[Changed, ...] = ()
    left: tuple[Mention, ...] = ()
    unread: tuple[Unread, ...] = ()
