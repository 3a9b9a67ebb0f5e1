"""Manifest of the stored files, with checksums, and its verification.

The manifest is a JSON object `{"format": 1, "provenance": {...}, "files":
{path: {"sha256": ..., "bytes": ..., "cases": ...}}}`, or only the object
`files`. Paths are relative to the folder of the manifest, with forward
slashes.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.records.checks import Problem

from .files import MANIFEST_NAME, check_inside, load_json, read_bytes

_STORED = (".json", ".npz", ".gz")


class Listed(msgspec.Struct):
    """Manifest entry of one file."""

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: int


class Manifest(msgspec.Struct):
    """Content of a manifest file."""

    files: dict[str, Listed]
    provenance: dict[str, Any] = {}
    format: Literal[1] | msgspec.UnsetType = msgspec.UNSET

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Fingerprint of the recordings; empty if there is none."""
        found = self.provenance.get("fingerprint")
        return found if isinstance(found, dict) else {}


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, or None if it has none."""
    file = folder / MANIFEST_NAME
    if not file.is_symlink() and not file.exists():
        return None
    check_inside(file, folder)
    content = load_json(file, MANIFEST_NAME)
    is_whole = isinstance(content, dict) and "files" in content
    try:
        found = msgspec.convert(
            content if is_whole else {"files": content}, Manifest
        )
    except msgspec.ValidationError as error:
        raise RecordingError(MANIFEST_NAME, f"{error}") from None
    if is_whole and found.format is msgspec.UNSET:
        raise RecordingError(MANIFEST_NAME, "has no format; expected 1")
    for path in found.files:
        # An absolute path has an empty first part.
        if set(path) & set("\\:\0") or set(path.split("/")) & {"", ".", ".."}:
            fault = f"{path!r} is not a path within the folder"
            raise RecordingError(MANIFEST_NAME, fault)
    return found


def check_files(folder: Path, manifest: Manifest) -> tuple[Problem, ...]:
    """Return the faults of the files in a folder."""
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
    unlisted = sorted(present - set(manifest.files))
    fault = f"not listed in {MANIFEST_NAME}"
    return (*problems, *(Problem(path, fault) for path in unlisted))


def _fault(file: Path, folder: Path, listed: Listed) -> str | None:
    try:
        check_inside(file, folder)
        if not file.is_file():
            return "missing"
        content = read_bytes(file, MANIFEST_NAME)
    except RecordingError as error:
        return error.fault
    if len(content) != listed.bytes:
        size = f"{len(content)} bytes"
        return f"altered: {size}, the manifest says {listed.bytes}"
    digest = hashlib.sha256(content).hexdigest()
    if digest == listed.sha256:
        return None
    told = f"{digest[:12]}..., the manifest says {listed.sha256[:12]}..."
    return f"altered: sha256 {told}"
