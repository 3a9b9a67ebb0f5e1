"""Stored legacy calls: what went in, and what came out or was raised.

A recording is a json file of cases with an npz of arrays beside it, in a
folder named after the example. Reading one executes nothing that it holds:
broken or hostile files are refused with a `RecordingError`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmpe.migrate.errors import RecordingError

from .arrays import MAX_FILE_BYTES, ArrayFile
from .nodes import NodeReader

__all__ = [
    "MANIFEST_NAME",
    "Case",
    "Raised",
    "find_recordings",
    "load_json",
    "read_recording",
]

MANIFEST_NAME = "MANIFEST.json"
"""Name of the file that lists all others, with their checksums."""

FORMAT = 1
"""The one version of the format that is read."""

_NAMES = ("case", "function")
_TEXTS = ("category", "role", "source", "note")
_TREES = ("args", "kwargs", "output", "args_after", "kwargs_after", "extra")


@dataclass(frozen=True)
class Raised:
    """The exception that a recorded call ended in.

    Parameters
    ----------
    type
        Name of its class.
    module
        The module of its class.
    message
        Its text; texts depend on versions and are not compared.
    """

    type: str
    module: str
    message: str


@dataclass(frozen=True)
class Case:
    """One recorded call of the legacy package.

    Parameters
    ----------
    example
        The folder it lies in.
    file
        Its json, relative to the folder of all recordings.
    name
        Unique within its json.
    function
        What was called, without its module.
    category, role, source, note
        Where the call came from, in words. Further words that a case may
        hold are ignored.
    traced
        Whether the call ran under `jit` or `vmap`.
    args, kwargs
        The arguments before the call, without `self`.
    output
        What it returned; meaningless where `raises` is given.
    raises
        The exception it ended in, or None if it returned.
    args_after, kwargs_after
        The arguments after the call, or None if it left them alone.
    extra
        Whatever more was needed to describe the call.
    """

    example: str
    file: str
    name: str
    function: str
    category: str
    role: str | None
    source: str
    note: str
    traced: bool
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    raises: Raised | None
    args_after: tuple[Any, ...] | None
    kwargs_after: dict[str, Any] | None
    extra: dict[str, Any] | None

    def __str__(self) -> str:
        """Return example, function and name, as in a report."""
        return f"{self.example} {self.function} {self.name}"


def find_recordings(folder: Path) -> tuple[Path, ...]:
    """Return the json of every recording in a folder, sorted.

    Recordings lie in one folder per example; a folder that holds json files
    itself counts as one example.

    Parameters
    ----------
    folder
        The folder of all examples, or of one.

    Returns
    -------
    tuple of Path
        Every `*.json` but the manifest.

    Raises
    ------
    RecordingError
        If a file, or the folder of an example, lies outside `folder` (by a
        link).
    """
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
    """Refuse a file that is reached through a link out of its folder.

    Parameters
    ----------
    file
        The file, below `folder` by name.
    folder
        Where it must lie.

    Raises
    ------
    RecordingError
        If it does not, or if its links go round in circles.
    """
    try:
        inside = file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        inside = False
    if not inside:
        raise RecordingError(file, f"lies outside of {folder}")


def load_json(file: Path, shown: str) -> Any:
    """Return the content of a json file, with the checks that any one needs.

    Parameters
    ----------
    file
        The file.
    shown
        How to name it in an error.

    Returns
    -------
    object
        What `json` made of it.

    Raises
    ------
    RecordingError
        If it cannot be read, is too large, is no json, is nested too deeply,
        or gives a name twice in one object.
    """
    try:
        size = file.stat().st_size
        if size > MAX_FILE_BYTES:
            raise RecordingError(
                shown, f"{size} bytes; at most {MAX_FILE_BYTES} are read"
            )
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise RecordingError(
            shown, f"cannot be read ({error.strerror})"
        ) from None
    except UnicodeDecodeError:
        raise RecordingError(shown, "not a text in UTF-8") from None
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError, MemoryError) as error:
        raise RecordingError(shown, f"not a readable json ({error})") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object gives a name twice")
    return result


def read_recording(file: Path, folder: Path | None = None) -> tuple[Case, ...]:
    """Return the cases of one recording.

    Parameters
    ----------
    file
        The json; the npz of the same name lies beside it.
    folder
        The folder of all recordings, which files must not leave; the one of
        `file` if not given.

    Returns
    -------
    tuple of Case
        In the order of the file.

    Raises
    ------
    RecordingError
        If the json or the npz is missing, broken, or not in our format.

    Examples
    --------
    >>> from tfmpe.migrate.recordings.stored import stored_folder
    >>> folder = stored_folder()
    >>> cases = read_recording(folder / "seir" / "decode_theta.json", folder)
    >>> cases[0].function
    'decode_theta'
    """
    folder = file.parent if folder is None else folder
    shown = (
        file.relative_to(folder) if file.is_relative_to(folder) else file
    ).as_posix()
    check_inside(file, folder)
    content = load_json(file, shown)
    arrays_file = file.with_suffix(".npz")
    arrays = None
    if arrays_file.is_symlink() or arrays_file.exists():
        check_inside(arrays_file, folder)
        arrays = ArrayFile(
            arrays_file, str(Path(shown).with_suffix(".npz").as_posix())
        )
    try:
        return tuple(_cases(content, file, shown, arrays))
    except (RecursionError, MemoryError):
        raise RecordingError(shown, "too large or nested too deeply") from None


def _cases(
    content: Any, file: Path, shown: str, arrays: ArrayFile | None
) -> Iterator[Case]:
    fields = {"format", "function", "cases"}
    if not isinstance(content, dict) or not fields <= set(content):
        raise RecordingError(
            shown, "not a recording (an object of format, function, cases)"
        )
    if type(content["format"]) is not int or content["format"] != FORMAT:
        raise RecordingError(
            shown,
            f"format {content['format']!r:.60}; only format {FORMAT} is read",
        )
    if not isinstance(content["cases"], list):
        raise RecordingError(shown, "cases is not a list")
    reader = NodeReader(shown, arrays)
    names = set()
    for number, record in enumerate(content["cases"]):
        case = _case(record, number, file, shown, reader)
        if case.function != content["function"]:
            raise RecordingError(
                shown,
                f"case {case.name!r} is of {case.function!r}, in a file of "
                f"{content['function']!r:.60}",
            )
        if case.name in names:
            raise RecordingError(shown, f"case {case.name!r} occurs twice")
        names.add(case.name)
        yield case


def _case(
    record: Any, number: int, file: Path, shown: str, reader: NodeReader
) -> Case:
    def error(fault: str) -> RecordingError:
        return RecordingError(shown, f"case {number}: {fault}")

    if not isinstance(record, dict):
        raise error("not an object")
    for field in (*_NAMES, *_TEXTS):
        text = record.get(field, None if field in _NAMES else "")
        if not isinstance(text, str) and (field != "role" or text is not None):
            raise error(f"{field} is not a text")
    # These are printed, so they must not be able to steer a terminal.
    for field in _NAMES:
        if not record[field].isprintable():
            raise error(f"{field} has characters that cannot be printed")
    if type(record.get("traced", False)) is not bool:
        raise error(f"traced is {record['traced']!r:.60}")
    if ("output" in record) == ("raises" in record):
        raise error("needs either an output or what it raises")
    trees = {
        field: reader.read(record[field], f"{record['case']}: {field}")
        for field in _TREES
        if field in record
    }
    for fields, expected in (
        (("args", "args_after"), tuple),
        (("kwargs", "kwargs_after", "extra"), dict),
    ):
        for field in fields:
            if field in trees and not isinstance(trees[field], expected):
                raise error(f"{field} is not a {expected.__name__}")
    if "args" not in trees or "kwargs" not in trees:
        raise error("has no args or no kwargs")
    return Case(
        example=file.parent.name,
        file=shown,
        name=record["case"],
        function=record["function"],
        category=record.get("category", ""),
        role=record.get("role"),
        source=record.get("source", ""),
        note=record.get("note", ""),
        traced=record.get("traced", False),
        args=trees["args"],
        kwargs=trees["kwargs"],
        output=trees.get("output"),
        raises=read_raised(record["raises"], error)
        if "raises" in record
        else None,
        args_after=trees.get("args_after"),
        kwargs_after=trees.get("kwargs_after"),
        extra=trees.get("extra"),
    )


def read_raised(raised: Any, error: Callable[[str], RecordingError]) -> Raised:
    """Return the exception of a record, or raise the error of a fault."""
    if not (
        isinstance(raised, dict)
        and set(raised) == {"type", "module", "message"}
        and all(isinstance(text, str) for text in raised.values())
    ):
        raise error("raises is not type, module and message")
    return Raised(**raised)
