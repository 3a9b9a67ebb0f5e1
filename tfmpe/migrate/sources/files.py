"""Reading of one source file, and safe replacement of its content."""

import io
import os
import stat
import tokenize
from pathlib import Path

from tfmpe._base.atomic import write_atomically

from .errors import SourceError, reason
from .notebook import notebook
from .source import Cell, Source

_MAX_BYTES = 10_000_000
# Large, because notebooks contain pictures.
_MAX_NOTEBOOK_BYTES = 200_000_000


def is_notebook(path: str | Path) -> bool:
    """Return whether a file name belongs to a notebook."""
    return Path(path).suffix.lower() == ".ipynb"


def read_source(path: str | Path) -> Source:
    """Return a file as a notebook if named ``.ipynb``, else as Python."""
    limit = _MAX_NOTEBOOK_BYTES if is_notebook(path) else _MAX_BYTES
    return as_source(Path(path), read_content(Path(path), limit))


def as_source(path: Path, content: bytes) -> Source:
    """Return the source file with this name and content."""
    read = notebook if is_notebook(path) else _python_file
    return read(path, content)


def _python_file(path: Path, content: bytes) -> Source:
    """Return a Python file in its declared encoding (PEP 263)."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        why = f"line {line} is not {error.encoding}; the first line must name "
        why += "the encoding, as in # -*- coding: latin-1 -*-"
        raise SourceError(path, why) from None
    except (SyntaxError, LookupError) as error:
        raise SourceError(path, f"wrong encoding: {error}") from None
    cell = Cell(None, text, text)
    return Source(path, (cell,), content, lambda new: new[0].encode(encoding))


def read_content(path: Path, limit: int = _MAX_BYTES) -> bytes:
    """Return the bytes of a regular file of limited size."""
    try:
        # Checked before opening, because opening a pipe can block forever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(path, "not a regular file")
        if status.st_size > limit:
            size = f"{status.st_size:,} bytes, at most {limit:,} are read"
            raise SourceError(path, f"too large: {size}")
        return path.read_bytes()
    except OSError as error:
        why = f"it cannot be read ({reason(error)})"
        raise SourceError(path, why) from None


def replace_content(
    path: Path, old: bytes, new: bytes, *, backup: bool = False
) -> None:
    """Replace the content of a file, and keep its permissions.

    Symbolic links are followed. A backup is written beside the file, as
    ``NAME.orig``.
    """
    try:
        real = Path(os.path.realpath(path))
        original = real.with_name(f"{real.name}.orig")
        status = real.lstat()
        mode = stat.S_IMODE(status.st_mode)
        why = ""
        if not mode & stat.S_IWUSR or not os.access(real, os.W_OK):
            why = "it is read-only; make it writable first"
        elif real.read_bytes() != old:
            why = "it changed after it was read; run the command again"
        elif backup and os.path.lexists(original):
            why = f"{original.name} exists already; move it away"
        if why:
            raise SourceError(path, why)
        if backup:
            write_atomically(original, old, mode=mode)
        write_atomically(real, new, mode=mode)
    except OSError as error:
        why = f"it cannot be written ({reason(error)})"
        raise SourceError(path, why) from None
