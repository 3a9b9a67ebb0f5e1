"""Reading of stored legacy output, and refusal of invalid files."""

import contextlib
import io
import json
import os
import random
import struct
import zipfile

import numpy as np
import pytest

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.read import read_cases, read_head

# Invalid or hostile JSON files: each is refused, with the name of the file and
# the fault on one line.


def _assert_refused(recording, fault):
    with pytest.raises(RecordingError) as caught:
        read_cases(recording)
    message = str(caught.value)
    assert fault in message
    assert message.startswith("flatten_index.")
    assert message.isprintable()
    assert len(message) < 700


def _nested(depth):
    node = {"t": "none"}
    for _ in range(depth):
        node = {"t": "list", "items": [node]}
    return node


def _array(shape=(10, 2, 1), **changes):
    node = {"t": "array", "npz": "a0", "shape": shape, "dtype": "float32"}
    return {**node, "lib": "jax", "weak_type": False, **changes}


_NONE, _DICT = {"t": "none"}, {"t": "dict", "items": []}
NODES = [
    (7, "Expected `object`"),
    ({"t": "function", "v": "os.system"}, "Invalid value"),
    ({"t": ["dict"]}, "Expected `str`"),
    ({"t": "none", "v": 1}, "unknown field `v`"),
    ({"t": "int"}, "required field `v`"),
    ({"t": "int", "v": True}, "Expected `int`"),
    ({"t": "float", "v": "1.0"}, "Invalid enum value"),
    ({"t": "tuple", "items": {}}, "Expected `array`"),
    ({"t": "dict", "items": [["a"]]}, "length 2"),
    ({"t": "dict", "items": [[1, _NONE]]}, "Expected `str | object`"),
    ({"t": "dict", "items": [["a", _NONE], ["a", _NONE]]}, "occurs twice"),
    (_nested(60), "nested deeper than 40"),
    (_array([float("nan")]), "Expected `int`"),
    (_array([-1]), "`int` >= 0"),
    (_array([True]), "Expected `int`"),
    (_array("3"), "Expected `array`"),
    *(
        (_array(shape), "more than the limit of")
        for shape in ([2**62], [0, 2**62])
    ),
    (_array([1] * 17), "length <= 16"),
    (_array(dtype="object"), "not a data type"),
    (_array(dtype="int8"), "but the JSON file declares"),
    (_array([3]), "but the JSON file declares"),
    (_array(npz="../a0"), "has no array '../a0'"),
    (_array(lib="torch"), "Invalid enum value 'torch'"),
    (
        {"t": "tracer", "shape": [2**40], "dtype": "int8"},
        "more than the limit of",
    ),
    *(
        ({"t": "key", "impl": impl, "data": _array([1, 4, 1])}, "PRNG keys of")
        for impl in ("rot13", "rbg")
    ),
    ({"t": "npscalar", "dtype": "object", "v": 1}, "not a data type"),
    ({"t": "npscalar", "dtype": "int8", "v": 300}, "300 is not of type int8"),
    ({"t": "opaque", "repr": 3}, "Expected `str`"),
]
_ERROR = dict.fromkeys(("type", "module", "message"), "")
# What is added to a case, and what is removed from it.
FIELDS = [
    *(({"output": node}, "", fault) for node, fault in NODES),
    ({"case": 3}, "", "Expected `str`"),
    ({"case": "\x1b[2J"}, "", "cannot be printed"),
    ({}, "case", "required field `case`"),
    ({"raises": _ERROR}, "", "either an output or an exception"),
    ({}, "output", "either an output or an exception"),
    ({"raises": None}, "output", "either an output or an exception"),
    ({"raises": "ValueError"}, "output", "Expected `object | null`"),
    ({}, "kwargs", "no args or no kwargs"),
    ({"args": _DICT}, "", "Invalid value 'dict'"),
    ({"traced": "yes"}, "", "Expected `bool`"),
    ({"function": "eval"}, "", "calls 'eval' in a file of '_flatten_index'"),
    ({"then": [{}]}, "", "several steps need format 2"),
]


@pytest.mark.parametrize(("put", "taken", "fault"), FIELDS)
def test_a_case_that_is_not_ours_is_refused(recording, put, taken, fault):
    content = json.loads(recording.read_text())
    content["cases"][0] |= put
    content["cases"][0].pop(taken, None)
    recording.write_text(json.dumps(content))
    _assert_refused(recording, fault)


TEXTS = {
    "not valid JSON": [
        *(b"", b"import os", b"[" * 200_000, b"[" + b"1" * 10_000 + b"]")
    ],
    "not UTF-8 text": [b"\xff\xfe\x00"],
    "not a recording": [b"[]", b'{"format": 1}'],
    "has a duplicate key": [b'{"format": 1, "format": 1}'],
    "enum value 3": [b'{"format": 3, "function": "f", "cases": []}'],
    "Expected `object`": [b'{"format": 1, "function": "f", "cases": [1]}'],
}


@pytest.mark.parametrize("fault", TEXTS)
def test_a_json_that_is_not_ours_is_refused(recording, fault):
    for text in TEXTS[fault]:
        recording.write_bytes(text)
        _assert_refused(recording, fault)


def test_a_case_name_may_occur_once_and_arrays_are_there(recording):
    content = json.loads(recording.read_text())
    recording.write_text(json.dumps({**content, "cases": content["cases"] * 2}))
    _assert_refused(recording, "occurs twice")
    recording.write_text(json.dumps(content))
    recording.with_suffix(".npz").unlink()
    _assert_refused(recording, "needs an npz file beside the JSON file")


# Invalid or hostile npz files.


def _pack(recording, entry, name="a0.npy", how=zipfile.ZIP_STORED):
    """Replace all arrays by one entry; the first case is that array."""
    content = json.loads(recording.read_text())
    case = content["cases"][0] | {"output": _array([2])}
    case |= {"args": {"t": "tuple", "items": []}, "kwargs": _DICT}
    recording.write_text(json.dumps({**content, "cases": [case]}))
    with zipfile.ZipFile(recording.with_suffix(".npz"), "w", how) as archive:
        archive.writestr(name, entry)


def _npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _with_header(header, data=b"\0" * 8):
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
ARRAY = _npy(np.zeros(2, "f4"))
OTHER_KINDS = (np.array([os.system], dtype=object), np.array(["a", "b"]))
OTHER_TYPES = [("a", "f4")], ">f4", "V4"
OTHER_HEADERS = (
    *(b"#!/bin/sh", b"\x93NUMPY\x03\x00" + b"\0" * 20),
    _with_header("__import__('os').system('true')\n"),
    _with_header(GOOD.replace("2,", "1 2")),
)
ENTRIES = [
    *(([_npy(array)], "native numbers") for array in OTHER_KINDS),
    *(([_npy(np.zeros(2, t))], "native numbers") for t in OTHER_TYPES),
    *(([entry], "not written by numpy.savez") for entry in OTHER_HEADERS),
    ([_with_header(GOOD.replace("2,", "9" * 12 + ","))], "but holds 8 bytes"),
    ([_with_header(GOOD.replace("2,", "1," * 100))], "has the shape"),
    ([_with_header(GOOD.replace("2,", "-1,"))], "has the shape"),
    ([_with_header(GOOD, b"\0" * 7)], "but holds 7 bytes"),
    ([_with_header(GOOD, b"\0" * 9)], "but holds 9 bytes"),
    *(
        ([ARRAY, name], "not the name of an array")
        for name in ("../a0.npy", "/a0.npy", "a0.pkl", "a\n0.npy")
    ),
    ([ARRAY, "a0.npy", zipfile.ZIP_LZMA], "compressed in a way"),
]


@pytest.mark.parametrize(("entry", "fault"), ENTRIES)
def test_an_entry_that_is_no_array_of_numbers_is_refused(
    recording, entry, fault
):
    _pack(recording, *entry)
    _assert_refused(recording, fault)


def test_an_entry_in_order_is_read_and_may_occur_once(recording):
    _pack(recording, _with_header(GOOD))
    assert read_cases(recording)[0].output.shape == (2,)
    with (
        zipfile.ZipFile(recording.with_suffix(".npz"), "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("a0.npy", ARRAY)
    _assert_refused(recording, "occurs twice")


@pytest.mark.parametrize("kept", [0, 1, 100, 900, -1])
def test_a_truncated_npz_is_refused(recording, kept):
    npz = recording.with_suffix(".npz")
    npz.write_bytes(npz.read_bytes()[:kept])
    _assert_refused(recording, "not a readable npz")


@pytest.mark.parametrize("suffix", [".json", ".npz", "a zip bomb"])
def test_a_file_that_is_too_large_is_refused(recording, suffix):
    if suffix in (".json", ".npz"):
        with recording.with_suffix(suffix).open("r+b") as stream:
            stream.truncate(65 * 2**20)
    else:
        _pack(recording, bytes(65 * 2**20), how=zipfile.ZIP_DEFLATED)
        assert recording.with_suffix(".npz").stat().st_size < 2**17
    _assert_refused(recording, "at most 67108864 are read")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("kind", ["file", "loop", "folder"])
def test_a_link_out_of_the_folder_is_refused(recording, tmp_path, suffix, kind):
    file = recording.with_suffix(suffix)
    moved = recording.parent if kind == "folder" else file
    outside = tmp_path / "outside"
    moved.rename(outside)
    moved.symlink_to(file if kind == "loop" else outside)
    with pytest.raises(RecordingError, match="lies outside"):
        read_cases(recording, recording.parent.parent)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_are_refused_or_read_never_a_crash(
    recording, suffix, seed
):
    chance = random.Random(seed)
    file = recording.with_suffix(suffix)
    content = bytearray(file.read_bytes())
    for _ in range(chance.randint(1, 4)):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(bytes(content))
    # Any exception other than RecordingError would fail the test.
    with contextlib.suppress(RecordingError):
        assert len(read_cases(recording)) == 4


# Cases of format 2, with created objects and several steps.
CHANGES = [
    *({"case": "a\nb"}, {"target": "x:net"}, {"args": _DICT}),
    *({"kwargs": {"t": "dict", "items": [[_NONE, _NONE]]}}, {"view": 3}),
    *({"setup": [["net"]]}, {"files": [1]}, {"then": [1]}),
    *({"compare": {"mode": "any"}}, {"after": [["net", {"t": "ref"}]]}),
    {"compare": {"mode": "close", "atol": -1}},
]


@pytest.fixture
def stepped(part):
    """Return a function that changes a file of steps, and the file."""
    file = part / "util" / "EarlyStopping_update.json"

    def change(changes, **of_file):
        content = json.loads(file.read_text()) | of_file
        content["cases"][0] |= changes
        file.write_text(json.dumps(content))
        assert read_head(file, part).flags is not None
        return read_cases(file, part)

    return change


@pytest.mark.parametrize("change", CHANGES)
def test_steps_that_are_not_of_the_format_are_refused(stepped, change):
    assert len(stepped({})[0].then) == 6
    with pytest.raises(RecordingError):
        stepped(change)


@pytest.mark.parametrize("env", [{"LD_PRELOAD": "1"}, {"JAX_ENABLE_X64": "x"}])
def test_only_known_flags_are_set(stepped, env):
    with pytest.raises(RecordingError):
        stepped({}, env=env)
