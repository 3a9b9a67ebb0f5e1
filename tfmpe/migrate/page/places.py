"""Which file of the scan a file of a run is."""

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = ["FileNames"]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class FileNames:
    """The names by which the scanner knows files.

    A run names files as Python does, mostly with absolute paths, perhaps of
    another machine; the scanner as they were given to it.

    Parameters
    ----------
    known
        The scanner's names.
    base
        The folder that relative names start from.

    Examples
    --------
    >>> names = FileNames(["src/fit.py", "fit.py"], Path("/project"))
    >>> names.find("/project/fit.py")
    'fit.py'
    >>> names.find("/elsewhere/src/fit.py")
    'src/fit.py'
    >>> names.find("/elsewhere/src/plot.py") is None
    True
    """

    def __init__(self, known: Iterable[str], base: Path):
        self._base = base
        self._known = tuple(dict.fromkeys(known))
        self._by_path = {
            path: name
            for name in reversed(self._known)
            if (path := self._resolved(name))
        }
        self.find = cache(self._find)

    def _find(self, file: str) -> str | None:
        """Return the scanner's name of a file, or None.

        The same path on this machine comes first; then the longest common
        end of the paths, if one of them is an end of the other and no second
        file is as good.
        """
        if file in self._known:
            return file
        path = self._resolved(file)
        if path in self._by_path:
            return self._by_path[path]
        wanted = _parts(file)
        fits = []
        for name in self._known:
            parts = _parts(name)
            length = min(len(parts), len(wanted))
            if length and parts[-length:] == wanted[-length:]:
                fits.append((length, name))
        longest = max((length for length, _ in fits), default=0)
        best = [name for length, name in fits if length == longest]
        return best[0] if len(best) == 1 else None

    def shown(self, file: str) -> str:
        """Return how the page names a file.

        By the scanner's name, else from the base if it is inside, else as it
        is given.
        """
        found = self.find(file)
        if found is not None:
            return found
        path = self._resolved(file)
        base = os.path.realpath(self._base)
        if path is None or not path.startswith(base + os.sep):
            return file
        return Path(path).relative_to(base).as_posix()

    def _resolved(self, name: str) -> str | None:
        try:
            return os.path.realpath(self._base / name)
        except (ValueError, OSError):
            return None  # not a path here, as with a zero byte


def _parts(name: str) -> tuple[str, ...]:
    if _DRIVE.match(name):
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    # Nothing is known of where these lead on another machine.
    return () if ".." in parts else tuple(parts)
