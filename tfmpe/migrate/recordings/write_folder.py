"""Writer of a folder of recordings: a file per function, and a manifest."""

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfmpe._base.atomic import write_atomically

from .cases import Case
from .files import MANIFEST_NAME, MAX_FILE_BYTES
from .read import FORMAT
from .write import NodeWriter

MAX_CALLS = 100
"""Default limit on the stored calls per function."""

# Limit on the bytes of all stored arrays.
_MAX_BYTES = 48 * 2**20

_COPIED = ("function", "role", "source", "traced")

# Room for the headers in a file of arrays.
_MAX_FILE = MAX_FILE_BYTES - 4 * 2**20


@dataclass
class Kept:
    """Stored calls of one function."""

    writer: NodeWriter = field(default_factory=NodeWriter)
    records: list[dict[str, Any]] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)
    n_bytes: int = 0
    repeated: int = 0
    left_out: int = 0


class Recorder:
    """Collects calls with distinct inputs, and writes them to one folder."""

    def __init__(self, example: str, max_calls: int = MAX_CALLS):
        self.example = re.sub(r"[^\w.\-]", "_", example).lstrip(".") or "calls"
        self.functions: dict[str, Kept] = {}
        self._max_calls = max_calls

    @property
    def n_cases(self) -> int:
        """Number of stored calls."""
        return sum(len(kept.records) for kept in self.functions.values())

    def keep(self, case: Case, n_bytes: int) -> None:
        """Store a call; ``n_bytes`` is the size of its arrays."""
        kept = self.functions.setdefault(case.function, Kept())
        total = sum(other.n_bytes for other in self.functions.values())
        if (
            len(kept.records) >= self._max_calls
            or total + n_bytes > _MAX_BYTES
            or kept.n_bytes + n_bytes > _MAX_FILE
        ):
            kept.left_out += 1
            return
        name = f"call{len(kept.records) + 1:03}"
        record = record_of(replace(case, name=name), kept.writer)
        names = ("args", "kwargs", "extra", "traced")
        inputs = json.dumps([record.get(name) for name in names])
        if inputs in kept.inputs:
            kept.repeated += 1
            return
        kept.inputs.add(inputs)
        kept.records.append(record)
        kept.n_bytes += n_bytes

    def write(
        self, folder: Path, fingerprint: dict[str, Any], *, force: bool = False
    ) -> None:
        """Write the folder atomically."""
        files: dict[str, bytes] = {}
        listed: dict[str, dict[str, Any]] = {}
        for name, kept in sorted(self.functions.items()):
            if not kept.records:
                continue
            base = f"{self.example}/{name.replace('.', '_').strip('_')}"
            content = {"function": name, "cases": kept.records}
            files[f"{base}.json"] = _json({"format": FORMAT, **content})
            files[f"{base}.npz"] = kept.writer.npz()
            listed[f"{base}.json"] = {"cases": len(kept.records)}
        for path, data in files.items():
            digest = hashlib.sha256(data).hexdigest()
            sizes = {"sha256": digest, "bytes": len(data)}
            listed[path] = sizes | listed.get(path, {})
        provenance = {
            "package": fingerprint.get("package"),
            "what": f"what its functions returned to {self.example}",
            "cases": self.n_cases,
            "fingerprint": fingerprint,
        }
        content = {"provenance": provenance, "files": listed}
        files[MANIFEST_NAME] = _json({"format": FORMAT, **content})
        _write(folder, files, force)


def record_of(case: Case, writer: NodeWriter) -> dict[str, Any]:
    """Return a case in the JSON form of recordings."""
    record: dict[str, Any] = {
        "case": case.name,
        **{name: getattr(case, name) for name in _COPIED},
        "args": writer.write(case.args),
        "kwargs": writer.write(case.kwargs),
    }
    if case.raises is None:
        record["output"] = writer.write(case.output)
    else:
        record["raises"] = vars(case.raises)
    for name in ("args", "kwargs"):
        after = getattr(case, f"{name}_after")
        # Equal values have equal nodes.
        node = record[name] if after is None else writer.write(after)
        if node != record[name]:
            record[f"{name}_after"] = node
    if case.extra is not None:
        record["extra"] = writer.write(case.extra)
    return record


def _write(folder: Path, files: Mapping[str, bytes], force: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = secrets.token_hex(8)
    new = folder.with_name(f".{folder.name}.{mark}.tmp")
    old = folder.with_name(f".{folder.name}.{mark}.old")
    try:
        for path, data in files.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(new / path, data)
        if folder.exists():
            if not force:
                raise FileExistsError(folder)
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
