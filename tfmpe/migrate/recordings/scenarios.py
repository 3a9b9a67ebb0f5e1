"""Recordings of format 2: objects that are made, and calls made on them.

A json is `{"format": 2, "function", "env", "cases"}` with an npz beside it;
the README beside the stored output lists every field. As in format 1, all is
checked and nothing is evaluated: a file names recipes and calls, and which of
them exist is decided where it is replayed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfmpe.migrate.errors import RecordingError

from .arrays import ArrayFile
from .nodes import NodeReader
from .read import Raised, check_inside, load_json, read_raised

__all__ = [
    "FLAGS",
    "Compared",
    "Scenario",
    "Step",
    "read_flags",
    "read_scenarios",
]

FLAGS = {
    "JAX_ENABLE_X64": "0",
    "JAX_THREEFRY_PARTITIONABLE": "1",
    "REPLAY2_FRESH": "",
}
"""What a recording says of its process, and what holds where it does not.

Two flags of JAX, and whether nothing else may have run before.
"""

_TREES = ("args", "kwargs", "output", "args_after", "kwargs_after", "view_arg")


@dataclass(frozen=True)
class Compared:
    """How a result is compared: exactly, within bounds, or by its shape."""

    mode: Literal["exact", "close", "shape"] = "exact"
    atol: float = 0.0
    rtol: float = 0.0


@dataclass(frozen=True)
class Step:
    """One call, or one look at an object.

    Parameters
    ----------
    target
        `f:PATH` is called and `v:PATH` looked up in the package; `o:NAME.attr`
        is called and `e:NAME.attr` looked up on an object of the scenario.
    args, kwargs
        The arguments, with objects as `Made` and `Reference`.
    output
        What it returned, seen through the view; None where it raised.
    raises
        The exception it ended in, or None.
    args_after, kwargs_after
        The arguments after the call, or None where it left them alone.
    view, view_arg
        Name of what was looked at in place of the plain result, and what
        that needs.
    compared
        How the result is compared.
    after
        What objects of the scenario hold after the call, by name.
    keep
        The name under which the result is kept among the objects.
    files
        Names of the files that it writes.
    """

    target: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    raises: Raised | None
    args_after: tuple[Any, ...] | None
    kwargs_after: dict[str, Any] | None
    view: str | None
    view_arg: Any
    compared: Compared
    after: dict[str, Any]
    keep: str | None
    files: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """One case of format 2: named objects are made, then steps are taken."""

    example: str
    name: str
    function: str
    setup: tuple[tuple[str, Any], ...]
    steps: tuple[Step, ...]


def read_flags(file: Path, folder: Path) -> dict[str, str] | None:
    """Return a value for each of `FLAGS`; None if a json is of format 1.

    Raises
    ------
    RecordingError
        If the file cannot be read, or has unknown flags.
    """
    check_inside(file, folder)
    shown = file.relative_to(folder).as_posix()
    content = load_json(file, shown)
    if not isinstance(content, dict) or content.get("format") != 2:
        return None
    found = content.get("env", {})
    if not isinstance(found, dict) or not all(
        name in FLAGS and value in ("", "0", "1")
        for name, value in found.items()
    ):
        raise RecordingError(shown, f"unknown flags: {found!r:.60}")
    return FLAGS | found


def read_scenarios(file: Path, folder: Path) -> tuple[Scenario, ...]:
    """Return the cases of one recording of format 2, as `read_recording`.

    Raises
    ------
    RecordingError
        If the json or the npz is broken or not in our format; also if it has
        arrays of a precision that this process does not have.
    """
    check_inside(file, folder)
    shown = file.relative_to(folder).as_posix()
    content = load_json(file, shown)
    arrays_file = file.with_suffix(".npz")
    check_inside(arrays_file, folder)
    arrays = ArrayFile(arrays_file, arrays_file.relative_to(folder).as_posix())
    try:
        return tuple(_scenarios(content, file, _Fields(shown, arrays)))
    except (RecursionError, MemoryError):
        raise RecordingError(shown, "too large or nested too deeply") from None


class _Fields:
    """Reads the fields of json objects, each of a kind that is asked for."""

    def __init__(self, shown: str, arrays: ArrayFile):
        self.nodes = NodeReader(shown, arrays, format_2=True)
        self._shown = shown

    def error(self, where: str, fault: str) -> RecordingError:
        return RecordingError(self._shown, f"{where}: {fault}")

    def get(
        self, record: Any, name: str, kind: Any, where: str, default: Any = ...
    ) -> Any:
        if not isinstance(record, dict):
            raise self.error(where, "not an object")
        value = record.get(name, default)
        if value is not default and not isinstance(value, kind):
            raise self.error(where, f"{name} is {value!r:.60}")
        if value is ...:
            raise self.error(where, f"has no {name}")
        return value

    def text(
        self, record: Any, name: str, where: str, default: Any = ...
    ) -> Any:
        value = self.get(record, name, str, where, default)
        # These are printed, so they must not be able to steer a terminal.
        if isinstance(value, str) and not value.isprintable():
            raise self.error(where, f"{name} cannot be printed")
        return value

    def named(
        self, record: Any, name: str, where: str
    ) -> tuple[tuple[str, Any], ...]:
        """Return names with the values of their nodes."""
        pairs = self.get(record, name, list, where, [])
        for pair in pairs:
            if not (
                isinstance(pair, list)
                and len(pair) == 2
                and isinstance(pair[0], str)
            ):
                raise self.error(where, f"{name} is not of [name, node]")
        return tuple(
            (key, self.nodes.read(node, f"{where}: {name} {key!r}"))
            for key, node in pairs
        )


def _scenarios(content: Any, file: Path, read: _Fields) -> Iterator[Scenario]:
    names: set[str] = set()
    function = read.text(content, "function", "file")
    for number, record in enumerate(read.get(content, "cases", list, "file")):
        name = read.text(record, "case", f"case {number}")
        if name in names:
            raise read.error(name, "occurs twice")
        names.add(name)
        later = read.get(record, "then", list, name, [])
        yield Scenario(
            file.parent.name,
            name,
            function,
            read.named(record, "setup", name),
            tuple(_step(step, name, read) for step in (record, *later)),
        )


def _step(record: Any, where: str, read: _Fields) -> Step:
    target = read.text(record, "target", where)
    if target[:2] not in ("f:", "v:", "o:", "e:"):
        raise read.error(where, f"target is {target!r:.60}")
    if ("output" in record) == ("raises" in record):
        raise read.error(where, "needs either an output or what it raises")
    trees = {
        name: read.nodes.read(record[name], f"{where}: {name}")
        for name in _TREES
        if name in record
    }
    for name, kind in (
        ("args", tuple),
        ("kwargs", dict),
        ("args_after", tuple),
        ("kwargs_after", dict),
    ):
        if not isinstance(trees.get(name, kind()), kind):
            raise read.error(where, f"{name} is not a {kind.__name__}")
        if kind is dict and not all(
            type(key) is str for key in trees.get(name, ())
        ):
            raise read.error(where, f"{name} has keys that are not names")
    files = read.get(record, "files", list, where, [])
    if not all(isinstance(name, str) for name in files):
        raise read.error(where, f"files is {files!r:.60}")
    raises = record.get("raises")
    return Step(
        target=target,
        args=trees.get("args", ()),
        kwargs=trees.get("kwargs", {}),
        output=trees.get("output"),
        raises=None
        if raises is None
        else read_raised(raises, lambda fault: read.error(where, fault)),
        args_after=trees.get("args_after"),
        kwargs_after=trees.get("kwargs_after"),
        view=read.text(record, "view", where, None),
        view_arg=trees.get("view_arg"),
        compared=_compared(record, where, read),
        after=dict(read.named(record, "after", where)),
        keep=read.text(record, "keep", where, None),
        files=tuple(files),
    )


def _compared(record: Any, where: str, read: _Fields) -> Compared:
    found = read.get(record, "compare", dict, where, {"mode": "exact"})
    mode = found.get("mode")
    bounds = [found.get(name, 0.0) for name in ("atol", "rtol")]
    if mode not in ("exact", "close", "shape") or not all(
        type(bound) in (int, float) and 0 <= bound < math.inf
        for bound in bounds
    ):
        raise read.error(where, f"compare is {found!r:.60}")
    return Compared(mode, *map(float, bounds))
