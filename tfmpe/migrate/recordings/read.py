"""Reader of recordings.

A recording is a JSON file of cases and an npz file of arrays, in a folder
named after the example. A case of format 1 is one call; a case of format 2
creates objects and then runs several steps. The README of the stored output
lists every field. Reading executes nothing: broken or hostile files raise
`RecordingError`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tfmpe.migrate.errors import RecordingError

from .arrays import ArrayFile
from .cases import Case
from .files import check_inside, load_json
from .nodes import Dict, Node, NodeReader, Tuple

FORMAT = 1
"""The version of the format that `tfmpe record` writes."""

FLAGS = {
    "JAX_ENABLE_X64": "0",
    "JAX_THREEFRY_PARTITIONABLE": "1",
    "REPLAY2_FRESH": "",
}
"""Default process settings of recordings of format 2: two flags of JAX, and
whether a recording needs a new process."""


class _Head(msgspec.Struct):
    case: str
    function: str
    then: list[dict[str, Any]] = []


class _File(msgspec.Struct):
    format: Literal[1, 2]
    function: str
    cases: list[_Head]
    env: dict[str, Literal["", "0", "1"]] = {}


# The fields of a call that are nodes, not plain values.
_NODES: dict[str, Any] = {
    **dict.fromkeys(("args", "args_after"), Tuple),
    **dict.fromkeys(("kwargs", "kwargs_after", "extra"), Dict),
    **dict.fromkeys(("output", "view_arg"), Node),
    **dict.fromkeys(("setup", "after"), list[tuple[str, Node]]),
}


class Head(NamedTuple):
    """Function, names of cases, and values of `FLAGS` (format 2 only)."""

    function: str
    names: tuple[str, ...]
    flags: dict[str, str] | None


def read_head(file: Path, folder: Path) -> Head:
    """Return the content of a recording without its arrays."""
    _, content, shown = _content(file, folder)
    if not content.env.keys() <= FLAGS.keys():
        raise RecordingError(shown, f"unknown flags: {content.env!r:.60}")
    flags = None if content.format == 1 else FLAGS | content.env
    return Head(content.function, tuple(x.case for x in content.cases), flags)


def read_cases(file: Path, folder: Path | None = None) -> tuple[Case, ...]:
    """Return the cases of one recording in order."""
    folder = folder or file.parent
    raw, content, shown = _content(file, folder)
    arrays_file = file.with_suffix(".npz")
    arrays = None
    if arrays_file.is_symlink() or arrays_file.exists():
        check_inside(arrays_file, folder)
        arrays = ArrayFile(arrays_file, str(Path(shown).with_suffix(".npz")))
    reader = _Reader(shown, content, NodeReader(shown, arrays))
    try:
        cases = tuple(reader.cases(raw["cases"], file.parent.name))
    except (RecursionError, MemoryError):
        raise RecordingError(shown, "too large or nested too deeply") from None
    if any(map(_lacks_weights, cases)):
        return _with_weights(cases, file.with_name(_INNER_FILE), folder)
    return cases


def _content(file: Path, folder: Path) -> tuple[Any, _File, str]:
    """Return the parsed content of a file, its kind, and its name."""
    check_inside(file, folder)
    inside = file.is_relative_to(folder)
    shown = (file.relative_to(folder) if inside else file).as_posix()
    raw = load_json(file, shown)
    return raw, _converted(raw, _File, shown), shown


def _converted(value: Any, kind: Any, shown: str, where: str = "") -> Any:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        fault = f"{where or 'not a recording'}: {error}"
        raise RecordingError(shown, fault) from None


@dataclass(frozen=True)
class _Reader:
    shown: str
    content: _File
    nodes: NodeReader

    def cases(self, records: list[Any], example: str) -> Iterator[Case]:
        names = set()
        of_file, of_format_1 = self.content.function, self.content.format == 1
        for head, record in zip(self.content.cases, records, strict=True):
            name, fault = head.case, None
            # Names are printed, so they must not control a terminal.
            if not f"{name}{head.function}{of_file}".isprintable():
                name = f"case {len(names)}"
                fault = "has a name with characters that cannot be printed"
            elif name in names:
                fault = "occurs twice"
            elif of_format_1 and head.function != of_file:
                fault = f"calls {head.function!r} in a file of {of_file!r:.60}"
            elif of_format_1 and (record.get("setup") or head.then):
                fault = "several steps need format 2"
            elif of_format_1 and not {"args", "kwargs"} <= record.keys():
                fault = "has no args or no kwargs"
            if fault is not None:
                raise self._error(name, fault)
            names.add(name)
            then = [self._fields(each, name) for each in head.then]
            fields = self._fields(record, name) | {
                **{"example": example, "file": self.shown, "then": then},
                **{"name": name, "function": of_file},
            }
            yield _converted(fields, Case, self.shown, name)

    def _error(self, where: str, fault: str) -> RecordingError:
        return RecordingError(self.shown, f"{where}: {fault}")

    def _fields(self, record: dict[str, Any], where: str) -> dict[str, Any]:
        """Return the fields of a call, with values in place of nodes."""
        if ("output" in record) == (record.get("raises") is not None):
            raise self._error(where, "needs either an output or an exception")
        target = str(record.get("target"))
        if self.content.format == 2 and not _TARGET.match(target):
            raise self._error(where, f"target is {target!r:.60}")
        found = dict(record)
        for name in _NODES.keys() & record.keys():
            place = f"{where}: {name}"
            node = _converted(record[name], _NODES[name], self.shown, place)
            if isinstance(node, list):
                found[name] = [
                    (key, self.nodes.read(each, f"{place} {key!r}"))
                    for key, each in node
                ]
            else:
                found[name] = self.nodes.read(node, place)
        found["after"] = dict(found.get("after", ()))
        return found


_TARGET = re.compile("[fvoe]:")
_OUTER = "SFMPE.sample_posterior"
_INNER_FILE = "SFMPE_sample_posterior_encoded.json"
_PLACE = re.compile(r"(.+__trace)(\d+)_sample_posterior")


# `SFMPE.sample_posterior` calls `SFMPE.sample_posterior_encoded`. Both calls
# were recorded, but weights and noise (`extra`) only with the inner call, which
# has the next number. The outer call gets that `extra`, or None if missing.
def _lacks_weights(case: Case) -> bool:
    ran = case.raises is None and not case.traced and not case.target
    return case.function == _OUTER and case.extra is None and ran


def _with_weights(
    cases: tuple[Case, ...], inner_file: Path, folder: Path
) -> tuple[Case, ...]:
    try:
        inner = {case.name: case for case in read_cases(inner_file, folder)}
    except RecordingError:
        return cases

    def completed(case: Case) -> Case:
        place = _PLACE.fullmatch(case.name)
        if place is None or not _lacks_weights(case):
            return case
        run, digits = place.groups()
        following = str(int(digits) + 1).zfill(len(digits))
        found = inner.get(f"{run}{following}_sample_posterior_encoded")
        return replace(case, extra=found and found.extra)

    return tuple(map(completed, cases))
