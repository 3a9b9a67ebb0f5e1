"""Observed calls as a folder of recordings: what `tfmpe verify` replays."""

import hashlib
import json
import re
import secrets
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax

from tfmpe.migrate.recordings.arrays import MAX_FILE_BYTES
from tfmpe.migrate.recordings.nodes import Opaque
from tfmpe.migrate.recordings.read import FORMAT, MANIFEST_NAME, Case
from tfmpe.migrate.recordings.write import NodeWriter
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.trees import abstracted, n_bytes
from tfmpe.preprocessing._atomic import write_atomically

from .observing import Observed, case_of
from .twins import Twins

__all__ = ["MAX_BYTES", "MAX_CALLS", "Recorder", "record_of"]

MAX_CALLS = 100
"""Calls of one function that are kept."""

MAX_BYTES = 48 * 2**20
"""Bytes of arrays of all calls together that are kept."""

# Room for what surrounds the arrays of a file.
_MAX_FILE = MAX_FILE_BYTES - 4 * 2**20


def record_of(case: Case, writer: NodeWriter) -> dict[str, Any]:
    """Return a case as the json of a recording has it.

    Parameters
    ----------
    case
        The case.
    writer
        Takes its arrays.

    Returns
    -------
    dict
        For `json`.
    """
    record: dict[str, Any] = {
        "case": case.name,
        "function": case.function,
        "category": case.category,
        "role": case.role,
        "source": case.source,
        "note": case.note,
        "traced": case.traced,
        "args": writer.write(case.args),
        "kwargs": writer.write(case.kwargs),
    }
    if case.raises is None:
        record["output"] = writer.write(case.output)
    else:
        record["raises"] = vars(case.raises)
    for name, before, after in (
        ("args_after", case.args, case.args_after),
        ("kwargs_after", case.kwargs, case.kwargs_after),
    ):
        if after is not None and not compare(before, after).identical:
            record[name] = writer.write(after)
    if case.extra is not None:
        record["extra"] = writer.write(case.extra)
    return record


@dataclass
class _Function:
    """What is kept of one function."""

    writer: NodeWriter = field(default_factory=NodeWriter)
    records: list[dict[str, Any]] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)
    n_bytes: int = 0
    repeated: int = 0
    left_out: int = 0


class Recorder:
    """Collects calls and writes them as one folder.

    Parameters
    ----------
    example
        What the folder of the calls is called in the folder of all.
    twins
        Of the run: what objects are made of.
    max_calls
        How many calls of one function are kept.
    max_bytes
        How many bytes of arrays are kept, of all functions together.
    """

    def __init__(
        self,
        example: str,
        twins: Twins,
        max_calls: int = MAX_CALLS,
        max_bytes: int = MAX_BYTES,
    ):
        self._example = re.sub(r"[^\w.\-]", "_", example).lstrip(".") or "calls"
        self._twins = twins
        self._max_calls = max_calls
        self._max_bytes = max_bytes
        self._functions: dict[str, _Function] = {}

    def seen(self, call: Observed) -> None:
        """Keep a call, unless one with equal inputs is kept already.

        Parameters
        ----------
        call
            What was observed.
        """
        kept = self._functions.setdefault(call.entry.name, _Function())
        held = list(call.state.values())
        size = n_bytes((call.args, call.kwargs, call.output, held))
        total = sum(other.n_bytes for other in self._functions.values())
        if (
            len(kept.records) >= self._max_calls
            or total + size > self._max_bytes
            or kept.n_bytes + size > _MAX_FILE
        ):
            kept.left_out += 1
            return
        case = case_of(call, f"call{len(kept.records) + 1:03}", self._example)
        record = record_of(_written_form(case, call, self._twins), kept.writer)
        inputs = json.dumps(
            [record[name] for name in ("args", "kwargs")]
            + [record.get("extra"), record["traced"]]
        )
        if inputs in kept.inputs:
            kept.repeated += 1
            return
        kept.inputs.add(inputs)
        kept.records.append(record)
        kept.n_bytes += size

    @property
    def n_cases(self) -> int:
        """How many calls are kept."""
        return sum(len(kept.records) for kept in self._functions.values())

    @property
    def counts(self) -> dict[str, tuple[int, int, int]]:
        """By function: calls kept, calls with equal inputs, calls left out."""
        return {
            name: (len(kept.records), kept.repeated, kept.left_out)
            for name, kept in sorted(self._functions.items())
        }

    @property
    def opaque(self) -> dict[str, tuple[str, ...]]:
        """By function: what could not be recorded, in words."""
        return {
            name: tuple(kept.writer.opaque)
            for name, kept in sorted(self._functions.items())
            if kept.writer.opaque
        }

    def files(self, fingerprint: dict[str, Any]) -> dict[str, bytes]:
        """Return the whole folder, by the path of each file.

        Parameters
        ----------
        fingerprint
            Goes into the manifest.

        Returns
        -------
        dict of str to bytes
        """
        files: dict[str, bytes] = {}
        listed: dict[str, dict[str, Any]] = {}
        for name, kept in sorted(self._functions.items()):
            if not kept.records:
                continue
            base = f"{self._example}/{name.replace('.', '_').strip('_')}"
            content = {
                "format": FORMAT,
                "function": name,
                "cases": kept.records,
            }
            for path, data in (
                (f"{base}.json", _json(content)),
                (f"{base}.npz", kept.writer.npz()),
            ):
                files[path] = data
                listed[path] = {
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "bytes": len(data),
                }
            listed[f"{base}.json"]["cases"] = len(kept.records)
        manifest = {
            "format": FORMAT,
            "provenance": {
                "package": fingerprint.get("package"),
                "what": f"what its functions returned to {self._example}",
                "cases": self.n_cases,
                "fingerprint": fingerprint,
            },
            "files": listed,
        }
        return {**files, MANIFEST_NAME: _json(manifest)}

    def write(
        self, folder: Path, fingerprint: dict[str, Any], *, force: bool = False
    ) -> None:
        """Write the folder, as a whole or not at all.

        Parameters
        ----------
        folder
            Where.
        fingerprint
            Goes into the manifest.
        force
            Whether a folder that is there is replaced.

        Raises
        ------
        FileExistsError
            If it is there and not to be replaced.
        """
        files = self.files(fingerprint)
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
            try:
                new.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _written_form(case: Case, call: Observed, twins: Twins) -> Case:
    """Return a case without tracers, and with what its object was."""
    if call.traced:
        names = ("args", "kwargs", "args_after", "kwargs_after", "output")
        changes = {name: abstracted(getattr(case, name)) for name in names}
        return replace(case, **changes)
    if call.instance is None:
        return case
    return replace(case, extra=_extra(call, twins))


def _extra(call: Observed, twins: Twins) -> dict[str, Any]:
    weights, key = twins.flow_state(call)
    extra: dict[str, Any] = {
        "field": Opaque("a vector field of the script's own")
    }
    if weights is not None:
        extra = {"params": weights}
    if key is not None:
        extra["base_key_data"] = jax.random.key_data(key)
    return extra
