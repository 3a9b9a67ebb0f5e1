"""The one reader of stored calls: what went in, and what came out.

A recording is a json file of cases with an npz of arrays beside it, in a
folder named after the example. A case of format 1 is one call; one of format
2 makes objects, then takes several steps. The README beside the stored output
lists every field. Reading executes nothing: broken or hostile files are
refused with a `RecordingError`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tfmpe.migrate.errors import RecordingError

from .arrays import ArrayFile
from .cases import Call, Case, Compared, Raised
from .files import check_inside, load_json
from .nodes import Dict, Node, NodeReader, Tuple

__all__ = ["FLAGS", "FORMAT", "read_cases", "read_flags"]

FORMAT = 1
"""The version of the format that `tfmpe record` writes."""

FLAGS = {
    "JAX_ENABLE_X64": "0",
    "JAX_THREEFRY_PARTITIONABLE": "1",
    "REPLAY2_FRESH": "",
}
"""What a recording of format 2 says of its process, where it says something
else: two flags of JAX, and whether nothing else may have run before."""


class _Call(msgspec.Struct):
    """A call as the json has it; `UNSET` is what it does not have."""

    target: str = ""
    args: Tuple | UnsetType = UNSET
    kwargs: Dict | UnsetType = UNSET
    output: Node | UnsetType = UNSET
    raises: Raised | UnsetType = UNSET
    args_after: Tuple | UnsetType = UNSET
    kwargs_after: Dict | UnsetType = UNSET
    view: str | None = None
    view_arg: Node | UnsetType = UNSET
    compare: Compared = Compared()
    after: list[tuple[str, Node]] = []
    keep: str | None = None
    files: list[str] = []


class _Case(_Call, kw_only=True):
    case: str
    function: str
    role: str | None = None
    source: str = ""
    seq: int = 0
    traced: bool = False
    extra: Dict | UnsetType = UNSET
    setup: list[tuple[str, Node]] = []
    then: list[_Call] = []


class _File(msgspec.Struct):
    format: Literal[1, 2]
    function: str
    cases: list[_Case]
    env: dict[str, Literal["", "0", "1"]] = {}


def read_flags(file: Path, folder: Path | None = None) -> dict[str, str] | None:
    """Return a value for each of `FLAGS`; None if a json is of format 1.

    Raises
    ------
    RecordingError
        If the file cannot be read, or has unknown flags.
    """
    content, shown = _content(file, folder or file.parent)
    if content.format == 1:
        return None
    if not content.env.keys() <= FLAGS.keys():
        raise RecordingError(shown, f"unknown flags: {content.env!r:.60}")
    return FLAGS | content.env


def read_cases(file: Path, folder: Path | None = None) -> tuple[Case, ...]:
    """Return the cases of one recording, of either format.

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
        If the json or the npz is missing, broken, or not in our format; also
        if it has arrays of a precision that this process does not have.

    Notes
    -----
    A posterior was drawn by `SFMPE.sample_posterior`, which called
    `SFMPE.sample_posterior_encoded`: both were recorded, and the weights and
    the noise with the second. The first gets its `extra` from there; where
    that recording is missing or refused, it stays None.

    Examples
    --------
    >>> from tfmpe.migrate.recordings.stored import stored_folder
    >>> folder = stored_folder()
    >>> cases = read_cases(folder / "seir" / "decode_theta.json", folder)
    >>> cases[0].function
    'decode_theta'
    """
    folder = folder or file.parent
    content, shown = _content(file, folder)
    arrays_file = file.with_suffix(".npz")
    arrays = None
    if arrays_file.is_symlink() or arrays_file.exists():
        check_inside(arrays_file, folder)
        arrays = ArrayFile(arrays_file, str(Path(shown).with_suffix(".npz")))
    reader = _Reader(file.parent.name, shown, content, arrays)
    try:
        cases = tuple(reader.cases())
    except (RecursionError, MemoryError):
        raise RecordingError(shown, "too large or nested too deeply") from None
    if any(map(_lacks_weights, cases)):
        return _with_weights(cases, file.with_name(_INNER_FILE), folder)
    return cases


def _content(file: Path, folder: Path) -> tuple[_File, str]:
    """Return what a json says, and how to name it."""
    check_inside(file, folder)
    inside = file.is_relative_to(folder)
    shown = (file.relative_to(folder) if inside else file).as_posix()
    content = load_json(file, shown)
    try:
        return msgspec.convert(content, _File), shown
    except msgspec.ValidationError as error:
        raise RecordingError(shown, f"not a recording: {error}") from None
    except RecursionError:
        raise RecordingError(shown, "nested too deeply") from None


class _Reader:
    def __init__(
        self, example: str, shown: str, content: _File, arrays: Any
    ) -> None:
        self._example, self._shown, self._content = example, shown, content
        self._nodes = NodeReader(shown, arrays)

    def _error(self, where: str, fault: str) -> RecordingError:
        return RecordingError(self._shown, f"{where}: {fault}")

    def cases(self) -> Iterator[Case]:
        names = set()
        for number, record in enumerate(self._content.cases):
            name = self._text(record.case, f"case {number}", "name")
            if name in names:
                raise self._error(name, "occurs twice")
            names.add(name)
            function = self._text(record.function, name, "function")
            of_file = self._content.function
            if self._content.format == 1 and function != of_file:
                fault = f"of {function!r}, in a file of {of_file!r:.60}"
                raise self._error(name, fault)
            if self._content.format == 1 and (record.setup or record.then):
                raise self._error(name, "several steps are of format 2")
            yield Case(
                example=self._example,
                name=name,
                function=self._text(of_file, name, "function"),
                file=self._shown,
                role=record.role,
                source=record.source,
                seq=record.seq,
                traced=record.traced,
                extra=self._read(record.extra, name, "extra"),
                setup=tuple(
                    (key, self._read(node, name, key))
                    for key, node in record.setup
                ),
                then=tuple(
                    Call(**self._call(each, name)) for each in record.then
                ),
                **self._call(record, name),
            )

    def _text(self, text: str, where: str, field: str) -> str:
        # These are printed, so they must not be able to steer a terminal.
        if not text.isprintable():
            fault = f"{field} has characters that cannot be printed"
            raise self._error(where, fault)
        return text

    def _read(self, node: Any, where: str, field: str) -> Any:
        """Return the value of a node; None where there is none."""
        if node is UNSET:
            return None
        value = self._nodes.read(node, f"{where}: {field}")
        if "kwargs" in field and not all(type(key) is str for key in value):
            raise self._error(where, f"{field} has keys that are not names")
        return value

    def _call(self, record: _Call, where: str) -> dict[str, Any]:
        if (record.output is UNSET) == (record.raises is UNSET):
            raise self._error(where, "needs either an output or what it raises")
        of_format_2 = self._content.format == 2
        if of_format_2 and record.target[:2] not in ("f:", "v:", "o:", "e:"):
            raise self._error(where, f"target is {record.target!r:.60}")
        if not of_format_2 and UNSET in (record.args, record.kwargs):
            raise self._error(where, "has no args or no kwargs")
        trees = {
            name: self._read(getattr(record, name), where, name)
            for name in (
                *("args", "kwargs", "output", "view_arg"),
                *("args_after", "kwargs_after"),
            )
        }
        trees["args"] = trees["args"] or ()
        trees["kwargs"] = trees["kwargs"] or {}
        raises = None if record.raises is UNSET else record.raises
        if not of_format_2:
            return {**trees, "raises": raises}
        return {
            **trees,
            "raises": raises,
            "target": self._text(record.target, where, "target"),
            "view": record.view,
            "compared": record.compare,
            "after": {
                key: self._read(node, where, key) for key, node in record.after
            },
            "keep": record.keep,
            "files": tuple(record.files),
        }


_OUTER = "SFMPE.sample_posterior"
_INNER_FILE = "SFMPE_sample_posterior_encoded.json"
_PLACE = re.compile(r"(?P<run>.+__trace)(?P<place>\d+)_sample_posterior")


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
    completed = []
    for case in cases:
        place = _PLACE.fullmatch(case.name)
        if place is not None and _lacks_weights(case):
            digits = place["place"]
            following = str(int(digits) + 1).zfill(len(digits))
            name = f"{place['run']}{following}_sample_posterior_encoded"
            extra = inner[name].extra if name in inner else None
            case = replace(case, extra=extra)
        completed.append(case)
    return tuple(completed)
