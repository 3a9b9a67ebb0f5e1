"""The list of stored files with their checksums, and checking them.

The manifest is a json object `{"format": 1, "provenance": {...}, "files":
{path: {"sha256": ..., "bytes": ..., "cases": ...}}}`. A plain object of the
files alone, as recordings are handed on, is read as well. Paths are relative
to the folder of the manifest, with forward slashes.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tfmpe.migrate.errors import RecordingError

from .arrays import MAX_FILE_BYTES
from .read import MANIFEST_NAME, check_inside, load_json

__all__ = ["Listed", "Manifest", "Problem", "check_files", "read_manifest"]

_STORED = (".json", ".npz", ".gz")


@dataclass(frozen=True)
class Listed:
    """What the manifest says of one file.

    Parameters
    ----------
    sha256
        Checksum of its bytes, 64 hexadecimal digits.
    size
        Number of bytes.
    """

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """A manifest as read.

    Parameters
    ----------
    files
        The listed files by path.
    provenance
        Where they came from; empty if it does not say.
    """

    files: dict[str, Listed]
    provenance: dict[str, Any]

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What the numbers depend on; empty if it does not say."""
        found = self.provenance.get("fingerprint")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Problem:
    """A stored file that cannot be relied on.

    Parameters
    ----------
    file
        Its path in the folder.
    fault
        What is wrong: it is missing, altered, not listed, or refused.
    """

    file: str
    fault: str

    def __str__(self) -> str:
        """Return file and fault on one line."""
        return f"{self.file}: {self.fault}"


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder.

    Parameters
    ----------
    folder
        A folder of recordings.

    Returns
    -------
    Manifest or None
        None if there is no manifest.

    Raises
    ------
    RecordingError
        If there is one, but not in our format, or with a path that leaves
        the folder.
    """
    file = folder / MANIFEST_NAME
    if not file.is_symlink() and not file.exists():
        return None
    check_inside(file, folder)
    content = load_json(file, MANIFEST_NAME)
    if not isinstance(content, dict):
        raise RecordingError(MANIFEST_NAME, "not an object")
    provenance = {}
    if "files" in content:
        if type(content.get("format")) is not int or content["format"] != 1:
            raise RecordingError(
                MANIFEST_NAME,
                f"format {content.get('format')!r:.60}; only 1 is read",
            )
        provenance = content.get("provenance", {})
        content = content["files"]
        if not isinstance(content, dict) or not isinstance(provenance, dict):
            raise RecordingError(
                MANIFEST_NAME, "files or provenance is not an object"
            )
    return Manifest(
        {path: _listed(path, entry) for path, entry in content.items()},
        provenance,
    )


def _listed(path: str, entry: Any) -> Listed:
    parts = path.split("/")
    if (
        not path
        or "\\" in path
        or ":" in path
        or "\0" in path
        or PurePosixPath(path).is_absolute()
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise RecordingError(
            MANIFEST_NAME, f"{path!r} is not a path within the folder"
        )
    digest = entry.get("sha256") if isinstance(entry, dict) else None
    size = entry.get("bytes") if isinstance(entry, dict) else None
    if (
        not isinstance(digest, str)
        or len(digest) != 64
        or not set(digest) <= set("0123456789abcdef")
        or type(size) is not int
    ):
        raise RecordingError(
            MANIFEST_NAME, f"{path!r} lacks a sha256 or a number of bytes"
        )
    return Listed(digest, size)


def check_files(folder: Path, manifest: Manifest) -> tuple[Problem, ...]:
    """Return what is wrong with the files of a folder.

    Parameters
    ----------
    folder
        The folder of the manifest.
    manifest
        What its files should be.

    Returns
    -------
    tuple of Problem
        One for every file that is missing, altered, or (a json or npz) not
        listed; empty if all is well.
    """
    problems = [
        Problem(path, fault)
        for path, listed in sorted(manifest.files.items())
        if (fault := _fault(folder / path, folder, listed))
    ]
    present = {
        file.relative_to(folder).as_posix()
        for pattern in ("*", "*/*")
        for file in folder.glob(pattern)
        if file.suffix in _STORED and file.name != MANIFEST_NAME
    }
    problems += [
        Problem(path, f"not listed in {MANIFEST_NAME}")
        for path in sorted(present - set(manifest.files))
    ]
    return tuple(problems)


def _fault(file: Path, folder: Path, listed: Listed) -> str | None:
    try:
        check_inside(file, folder)
        if not file.is_file():
            return "missing"
        size = file.stat().st_size
        if size != listed.size:
            return f"altered: {size} bytes, the manifest says {listed.size}"
        if size > MAX_FILE_BYTES:
            return f"{size} bytes; at most {MAX_FILE_BYTES} are read"
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except RecordingError as error:
        return error.fault
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if digest != listed.sha256:
        return (
            f"altered: sha256 {digest[:12]}..., the manifest says "
            f"{listed.sha256[:12]}..."
        )
    return None
