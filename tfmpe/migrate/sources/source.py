"""A file of code in memory, and how it goes back to the disk."""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmpe.preprocessing._atomic import write_atomically

from .errors import SourceError
from .magics import Magic, put_back

__all__ = ["Cell", "Source"]


@dataclass(frozen=True)
class Cell:
    """Code that is parsed as one.

    Attributes
    ----------
    number : int or None
        Of a notebook's cell, from 1 and with cells of text counted; None for
        a Python file.
    code : str
        Its text, with a placeholder for every magic.
    magics : tuple of Magic
        IPython's own syntax in it.
    """

    number: int | None
    code: str
    magics: tuple[Magic, ...] = ()

    def whole(self, code: str) -> str:
        """Return `code` with the magics put back.

        Parameters
        ----------
        code
            This cell's code, or a changed form of it.

        Returns
        -------
        str
        """
        return put_back(code, self.magics)


@dataclass(frozen=True)
class Source(ABC):
    """A Python file or a notebook, read whole.

    Attributes
    ----------
    path : Path
        As given.
    cells : tuple of Cell
        A Python file has one.
    content : bytes
        The file as it was.
    """

    path: Path
    cells: tuple[Cell, ...]
    content: bytes

    def with_cells(self, codes: Sequence[str]) -> bytes:
        """Return the bytes of the file with other code.

        Whatever is not code stays as it was, byte by byte.

        Parameters
        ----------
        codes
            New code for each cell, in their order.

        Returns
        -------
        bytes
            Those of the file if no code is different.

        Raises
        ------
        SourceError
            If this cannot be said in the file's encoding, or would lose a
            magic.
        """
        if len(codes) != len(self.cells):
            raise ValueError(
                f"{self.path}: {len(codes)} codes for {len(self.cells)} cells"
            )
        if all(
            code == cell.code
            for code, cell in zip(codes, self.cells, strict=True)
        ):
            return self.content
        try:
            whole = [
                cell.whole(code)
                for code, cell in zip(codes, self.cells, strict=True)
            ]
            return self._encode(whole)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            why = (
                f"{character!r} cannot be written in its encoding, "
                f"{error.encoding}; convert the file to UTF-8 first"
            )
            raise SourceError(self.path, why) from None
        except ValueError as error:
            raise SourceError(self.path, str(error)) from None

    @abstractmethod
    def _encode(self, codes: Sequence[str]) -> bytes:
        """Return the bytes of the file with these codes, magics included."""

    def write(self, codes: Sequence[str]) -> bool:
        """Write other code to the file, as a whole or not at all.

        The permissions stay as they are.

        Parameters
        ----------
        codes
            New code for each cell, in their order.

        Returns
        -------
        bool
            Whether anything was different and so was written.

        Raises
        ------
        SourceError
            If the file is read-only, a link, has other names, or was changed
            since it was read; or as `with_cells`.
        """
        new = self.with_cells(codes)
        if new == self.content:
            return False
        replace_content(self.path, self.content, new)
        return True


def replace_content(path: Path, old: bytes, new: bytes) -> None:
    """Replace a file that still is what it was, keeping its permissions.

    Parameters
    ----------
    path
        A regular file.
    old, new
        What it holds, and what it shall hold.

    Raises
    ------
    SourceError
        If it is not what it was, or must not be written.
    """
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise SourceError(
                path,
                "a symbolic link is not written; name the file it shows, "
                f"{os.path.realpath(path)}",
            )
        if status.st_nlink > 1:
            raise SourceError(
                path,
                f"the file has {status.st_nlink} names (hard links), which "
                "replacing it would part; it is not written",
            )
        if not status.st_mode & stat.S_IWUSR or not os.access(path, os.W_OK):
            raise SourceError(
                path, "the file is read-only; make it writable first"
            )
        if path.read_bytes() != old:
            raise SourceError(
                path, "the file was changed since it was read; start again"
            )
        write_atomically(path, new, mode=stat.S_IMODE(status.st_mode))
    except OSError as error:
        raise SourceError(
            path, f"it cannot be written ({error.strerror})"
        ) from None
