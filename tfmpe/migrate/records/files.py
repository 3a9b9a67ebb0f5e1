"""JSON files of records: atomic writing and strict reading."""

import json
from pathlib import Path
from typing import TypeAlias

import msgspec

from tfmpe.migrate.errors import RecordingError

from .checks import Bench, Verify
from .code import Fix, Scan
from .places import Content
from .runs import Run, Shadow

Record: TypeAlias = Scan | Fix | Run | Shadow | Verify | Bench
"""Output of a command, which its field ``tool`` names."""

FORMAT = 2


def as_json(record: Content) -> bytes:
    """Return a record as JSON that begins with `format` and `tool`."""
    content = {"format": FORMAT, **msgspec.to_builtins(record)}
    # Not by msgspec: names of files may contain invalid characters.
    return json.dumps(content, indent=2, allow_nan=False).encode() + b"\n"


def from_json(content: bytes, file: str) -> Record:
    """Return the record in a JSON text, or raise a `RecordingError`."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordingError(file, f"is not JSON: {error}") from None
    if not isinstance(found, dict) or "tool" not in found:
        raise RecordingError(file, f"is not from a command; {_EXPECTED}")
    if str(found["tool"]) not in _TOOLS:
        fault = f"is from {found['tool']!r:.60}; {_EXPECTED}"
        raise RecordingError(file, fault)
    if found.pop("format", None) != FORMAT:
        raise RecordingError(
            file,
            f"has a format other than {FORMAT}: run tfmpe {found['tool']} "
            "again with this version",
        )
    try:
        return msgspec.convert(found, Record)
    except msgspec.ValidationError as error:
        raise RecordingError(
            file, f"is not a result of tfmpe {found['tool']}: {error}"
        ) from None


def read_record(file: Path) -> Record:
    """Return the record in a file, or raise a `RecordingError`."""
    try:
        content = file.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise RecordingError(file, f"cannot be read: {why}") from None
    return from_json(content, str(file))


_TOOLS = {kind.__name__.lower() for kind in Record.__args__}
_EXPECTED = f"expected the JSON of one of: {', '.join(sorted(_TOOLS))}"
