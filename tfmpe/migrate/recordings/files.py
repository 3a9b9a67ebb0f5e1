"""Recording files: search, and reading up to a size limit."""

import json
from pathlib import Path
from typing import Any

from tfmpe._base.sealed_json import distinct
from tfmpe.migrate.errors import RecordingError

MANIFEST_NAME = "MANIFEST.json"
"""Name of the file that lists all others, with their checksums."""

MAX_FILE_BYTES = 64 * 2**20
"""Largest file that is opened."""


def read_bytes(file: Path, shown: str) -> bytes:
    """Return the content of a file, or raise `RecordingError` if too large."""
    try:
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            fault = f"{size} bytes; at most {MAX_FILE_BYTES} are read"
            raise RecordingError(shown, fault)
        return file.read_bytes()
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
        raise RecordingError(shown, fault) from None


def find_recordings(folder: Path) -> tuple[Path, ...]:
    """Return the JSON files of all recordings in a folder, sorted."""
    found = sorted(
        file
        for pattern in ("*.json", "*/*.json")
        for file in folder.glob(pattern)
        if file.name != MANIFEST_NAME
    )
    for file in found:
        check_inside(file, folder)
    return tuple(found)


def check_inside(file: Path, folder: Path) -> None:
    """Refuse a file whose path leads out of its folder by a link."""
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    # Links may form a cycle.
    except (OSError, RuntimeError):
        inside = False
    if not inside:
        raise RecordingError(file, f"lies outside {folder}")


def load_json(file: Path, shown: str) -> Any:
    """Return the content of a JSON file, strictly parsed."""
    content = read_bytes(file, shown)
    try:
        return json.loads(content.decode(), object_pairs_hook=distinct)
    except UnicodeDecodeError:
        raise RecordingError(shown, "not UTF-8 text") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise RecordingError(shown, f"not valid JSON ({error})") from None
