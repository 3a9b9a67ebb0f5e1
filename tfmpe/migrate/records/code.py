"""Records of `tfmpe scan` and `tfmpe fix`."""

from .places import Content, Count, Place, Strict


class Unread(Strict, frozen=True):
    """A file that could not be read, and the reason."""

    file: str
    why: str


class Use(Strict, frozen=True):
    """An import of the legacy package, or a use of an imported name."""

    place: Place
    # The end of the code; the column is the first one after it.
    end_line: Count
    end_column: Count
    code: str  # in the catalog, such as T101
    name: str  # full name, such as sfmpe.util.dataloader.flatten_structured
    text: str = ""  # the code, on one line
    becomes: str | None = None  # on the bridge (imports), on Tokens (uses)


class Mention(Strict, frozen=True):
    """A place to check by hand: not rewritten, or failing on the bridge."""

    place: Place
    text: str  # the line
    why: str  # a string, a magic, a line of a configuration file
    code: str = "T004"  # T003: missing from the bridge


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
    """A file and its changed statements."""

    file: str
    changes: tuple[Change, ...]


class Fix(Content, frozen=True):
    """A rewrite of files: the JSON of ``tfmpe fix``."""

    exit_code: int
    written: bool  # not with --diff or --check
    changed: tuple[Changed, ...] = ()
    left: tuple[Mention, ...] = ()
    unread: tuple[Unread, ...] = ()
