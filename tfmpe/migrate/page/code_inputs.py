"""What `tfmpe scan` and `tfmpe fix` write, as far as the page shows it."""

from dataclasses import dataclass

from .typed import Count

__all__ = [
    "Edit",
    "Edited",
    "Files",
    "Fix",
    "Left",
    "NotRead",
    "Scan",
    "Site",
    "Undecided",
]


@dataclass(frozen=True)
class NotRead:
    """A file that a command could not read."""

    file: str
    why: str


@dataclass(frozen=True)
class Site:
    """A place that the scanner found."""

    file: str
    line: Count
    code: str
    column: Count = 1
    end_line: Count | None = None
    end_column: Count | None = None
    cell: Count | None = None
    name: str | None = None
    text: str = ""
    becomes: str | None = None
    safety: str | None = None


@dataclass(frozen=True)
class Undecided:
    """A place of which the scanner could not tell."""

    file: str
    line: Count
    code: str
    column: Count = 1
    cell: Count | None = None
    text: str = ""
    why: str = ""


@dataclass(frozen=True)
class Files:
    """What the scanner has read."""

    read: Count = 0
    not_read: tuple[NotRead, ...] = ()


@dataclass(frozen=True)
class Scan:
    """A json of `tfmpe scan`."""

    exit_code: int
    files: Files
    sites: tuple[Site, ...]
    undecided: tuple[Undecided, ...] = ()


@dataclass(frozen=True)
class Edit:
    """A place that was rewritten."""

    line: Count
    code: str
    cell: Count | None = None
    safety: str | None = None
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Edited:
    """A file that was rewritten."""

    file: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Left:
    """A place that could not be rewritten."""

    file: str
    line: Count
    code: str
    cell: Count | None = None
    why: str = ""


@dataclass(frozen=True)
class Fix:
    """A json of `tfmpe fix`; without a run nothing was written."""

    exit_code: int
    changed: tuple[Edited, ...]
    run: str | None = None
    left: tuple[Left, ...] = ()
    not_read: tuple[NotRead, ...] = ()
