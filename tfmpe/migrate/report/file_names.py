"""Matching of file names in a run to file names in a scan."""

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from tfmpe.migrate.records.places import Place


class FileNames:
    """Mapping from file names in runs to file names in a scan.

    The paths of a run are mostly absolute, perhaps from another machine; those
    of a scan are as they were passed.
    """

    def __init__(self, known: Iterable[str], base: Path):
        self._base = str(base)
        names = reversed(dict.fromkeys(known))
        self._known = {self._path(name): name for name in names}
        self._shown = cache(self._find)

    def at(self, place: Place) -> Place:
        """Return a place, with its file named as in the scan."""
        return replace(place, file=self._shown(place.file))

    def _path(self, name: str) -> str:
        return os.path.normpath(os.path.join(self._base, name))

    def _find(self, file: str) -> str:
        """Return the scanned file of the same path, or longest common end."""
        path = self._path(file)
        if path in self._known:
            return self._known[path]
        fits = {
            name: min(len(name), len(file))
            for name in self._known.values()
            if f"/{file}".endswith(f"/{name}")
            or f"/{name}".endswith(f"/{file}")
        }
        longest = [n for n in fits if fits[n] == max(fits.values())]
        if len(longest) == 1:
            return longest[0]
        inside = path.startswith(self._base + os.sep)
        return path[len(self._base) + 1 :] if inside else file
