"""Reading stored legacy output: all of it, and nothing that is not."""

import contextlib
import io
import json
import os
import random
import struct
import zipfile

import jax
import numpy as np
import pytest

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.cases import Compared
from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.nodes import Made
from tfmpe.migrate.recordings.read import read_cases, read_flags
from tfmpe.migrate.recordings.stored import stored_folder

STORED = stored_folder()
FILES = [
    file.relative_to(STORED).as_posix() for file in find_recordings(STORED)
]


def test_the_stored_cases_are_all_there():
    number = sum(
        len(json.loads((STORED / name).read_text())["cases"]) for name in FILES
    )
    assert number == 954


def test_dicts_keep_the_recorded_order():
    cases = read_cases(STORED / "seir" / "flatten_structured.json")
    case = next(c for c in cases if c.name == "plain__own_rules")
    attention = case.output[0]["masks"]["attention"]
    assert list(attention) == ["y", "theta", "cross"]


def test_a_scalar_of_every_kind_comes_back_exactly(recording):
    items = [
        {"t": "none"},
        {"t": "bool", "v": True},
        {"t": "int", "v": 10**30},
        {"t": "float", "v": -0.0},
        {"t": "float", "v": float("nan")},
        {"t": "npscalar", "dtype": "int8", "v": -3},
        {"t": "opaque", "repr": "<something>"},
    ]
    _edit(recording, lambda c: c.update(output={"t": "list", "items": items}))
    output = read_cases(recording)[0].output
    assert output[:3] == [None, True, 10**30]
    assert str(output[3]) == "-0.0"
    assert output[4] != output[4]
    assert type(output[5]) is np.int8
    assert output[6].repr == "<something>"


# What a broken or hostile json can look like: each refused, with the file
# named and the fault said on one line.


def _edit(recording, change):
    content = json.loads(recording.read_text())
    change(content["cases"][0])
    recording.write_text(json.dumps(content))


def _nested(depth):
    node = {"t": "none"}
    for _ in range(depth):
        node = {"t": "list", "items": [node]}
    return node


def _array(**changes):
    node = {
        "t": "array",
        "npz": "a0",
        "shape": [10, 2, 1],
        "dtype": "float32",
        "lib": "jax",
        "weak_type": False,
    }
    return {**node, **changes}


_NONE = {"t": "none"}
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
    (_array(shape=[float("nan")]), "Expected `int`"),
    (_array(shape=[-1]), "`int` >= 0"),
    (_array(shape=[True]), "Expected `int`"),
    (_array(shape="3"), "Expected `array`"),
    (_array(shape=[2**62]), "too large a shape"),
    (_array(shape=[0, 2**62]), "too large a shape"),
    (_array(shape=[1] * 17), "length <= 16"),
    (_array(dtype="object"), "not a data type"),
    (_array(dtype="int8"), "but the json beside it says"),
    (_array(shape=[3]), "but the json beside it says"),
    (_array(npz="../a0"), "has no array '../a0'"),
    (_array(lib="torch"), "Invalid enum value 'torch'"),
    ({"t": "tracer", "shape": [2**40], "dtype": "int8"}, "too large a shape"),
    ({"t": "npscalar", "dtype": "object", "v": 1}, "not a data type"),
    ({"t": "npscalar", "dtype": "int8", "v": 300}, "300 is no int8"),
    ({"t": "opaque", "repr": 3}, "Expected `str`"),
]


@pytest.mark.parametrize(("node", "fault"), NODES)
def test_a_node_that_is_not_ours_is_refused(recording, node, fault):
    _edit(recording, lambda case: case.update(output=node))
    _assert_refused(recording, fault)


def _assert_refused(recording, fault):
    with pytest.raises(RecordingError) as caught:
        read_cases(recording)
    message = str(caught.value)
    assert fault in message
    assert message.startswith("flatten_index.")
    assert message.isprintable()
    assert len(message) < 700


_DICT = {"t": "dict", "items": []}
_ERROR = dict.fromkeys(("type", "module", "message"), "")
# What is put into a case, and what is taken out of it.
FIELDS = [
    ({"case": 3}, "", "Expected `str`"),
    ({"case": "\x1b[2J"}, "", "cannot be printed"),
    ({}, "case", "required field `case`"),
    ({"raises": _ERROR}, "", "either an output or what it raises"),
    ({}, "output", "either an output or what it raises"),
    ({"raises": None}, "output", "either an output or what it raises"),
    ({"raises": "ValueError"}, "output", "Expected `object | null`"),
    ({}, "kwargs", "no args or no kwargs"),
    ({"args": _DICT}, "", "Invalid value 'dict'"),
    ({"traced": "yes"}, "", "Expected `bool`"),
    ({"function": "eval"}, "", "in a file of '_flatten_index'"),
    ({"then": [{}]}, "", "several steps are of format 2"),
]


@pytest.mark.parametrize(("put", "taken", "fault"), FIELDS)
def test_a_case_that_is_not_ours_is_refused(recording, put, taken, fault):
    _edit(recording, lambda case: (case.update(put), case.pop(taken, None)))
    _assert_refused(recording, fault)


TEXTS = [
    (b"", "not a readable json"),
    (b"import os", "not a readable json"),
    (b"\xff\xfe\x00", "not a text in UTF-8"),
    (b"[]", "not a recording"),
    (b'{"format": 1}', "not a recording"),
    (b'{"format": 1, "format": 1}', "gives a name twice"),
    (b'{"format": 3, "function": "f", "cases": []}', "enum value 3"),
    (b'{"format": 1, "function": "f", "cases": [1]}', "Expected `object`"),
    (b"[" * 200_000, "not a readable json"),
    (b"[" + b"1" * 10_000 + b"]", "not a readable json"),
]


@pytest.mark.parametrize(("text", "fault"), TEXTS)
def test_a_json_that_is_not_ours_is_refused(recording, text, fault):
    recording.write_bytes(text)
    _assert_refused(recording, fault)


def test_a_case_name_may_occur_once_and_arrays_are_there(recording):
    content = json.loads(recording.read_text())
    recording.write_text(json.dumps({**content, "cases": content["cases"] * 2}))
    _assert_refused(recording, "occurs twice")
    recording.write_text(json.dumps(content))
    recording.with_suffix(".npz").unlink()
    _assert_refused(recording, "no npz lies beside the json")


# What a broken or hostile npz can look like.


def _pack(recording, entry, name="a0.npy", how=zipfile.ZIP_STORED):
    """Put an entry in place of all arrays; the first case is that array."""
    content = json.loads(recording.read_text())
    case = content["cases"][0] | {"output": _array(shape=[2])}
    case["args"] = {"t": "tuple", "items": []}
    case["kwargs"] = {"t": "dict", "items": []}
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

ENTRIES = [
    (_npy(np.array([os.system], dtype=object)), "native numbers"),
    (_npy(np.zeros(2, [("a", "f4")])), "native numbers"),
    (_npy(np.zeros(2, ">f4")), "native numbers"),
    (_npy(np.array(["a", "b"])), "native numbers"),
    (_npy(np.zeros(2, "V4")), "native numbers"),
    (b"#!/bin/sh", "another header"),
    (b"\x93NUMPY\x03\x00" + b"\0" * 20, "another header"),
    (_with_header("__import__('os').system('true')\n"), "another header"),
    (_with_header(GOOD.replace("2,", "9" * 12 + ",")), "but holds 8 bytes"),
    (_with_header(GOOD.replace("2,", "1," * 100)), "has the shape"),
    (_with_header(GOOD.replace("2,", "-1,")), "has the shape"),
    (_with_header(GOOD.replace("2,", "1 2")), "another header"),
    (_with_header(GOOD, b"\0" * 7), "but holds 7 bytes"),
    (_with_header(GOOD, b"\0" * 9), "but holds 9 bytes"),
]


@pytest.mark.parametrize(("entry", "fault"), ENTRIES)
def test_an_entry_that_is_no_array_of_numbers_is_refused(
    recording, entry, fault
):
    _pack(recording, entry)
    _assert_refused(recording, fault)


def test_the_same_entry_in_order_is_read(recording):
    _pack(recording, _with_header(GOOD))
    assert read_cases(recording)[0].output.shape == (2,)


@pytest.mark.parametrize("name", ["../a0.npy", "/a0.npy", "a0.pkl", "a\n0.npy"])
def test_an_entry_with_another_name_is_refused(recording, name):
    _pack(recording, _npy(np.zeros(2, "f4")), name)
    _assert_refused(recording, "not the name of an array")


def test_an_entry_may_occur_once(recording):
    _pack(recording, _npy(np.zeros(2, "f4")))
    with (
        zipfile.ZipFile(recording.with_suffix(".npz"), "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("a0.npy", _npy(np.ones(2, "f4")))
    _assert_refused(recording, "occurs twice")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(recording):
    _pack(recording, bytes(65 * 2**20), how=zipfile.ZIP_DEFLATED)
    assert recording.with_suffix(".npz").stat().st_size < 2**17
    _assert_refused(recording, "at most 67108864 are read")


def test_a_packing_that_numpy_does_not_use_is_refused(recording):
    _pack(recording, _npy(np.zeros(2, "f4")), how=zipfile.ZIP_LZMA)
    _assert_refused(recording, "packed in a way")


@pytest.mark.parametrize("kept", [0, 1, 100, 900, -1])
def test_a_truncated_npz_is_refused(recording, kept):
    npz = recording.with_suffix(".npz")
    npz.write_bytes(npz.read_bytes()[:kept])
    _assert_refused(recording, "not a readable npz")


def test_a_file_that_is_too_large_is_refused(recording):
    for file in (recording, recording.with_suffix(".npz")):
        kept = file.read_bytes()
        with file.open("r+b") as stream:
            stream.truncate(65 * 2**20)
        _assert_refused(recording, "at most 67108864 are read")
        file.write_bytes(kept)


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("kind", ["file", "loop", "folder"])
def test_a_link_out_of_the_folder_is_refused(recording, tmp_path, suffix, kind):
    file = recording.with_suffix(suffix)
    outside = tmp_path / "outside"
    root = recording.parent.parent
    if kind == "folder":
        recording.parent.rename(outside)
        recording.parent.symlink_to(outside)
    elif kind == "file":
        file.rename(outside)
        file.symlink_to(outside)
    else:
        file.unlink()
        file.symlink_to(file)
    with pytest.raises(RecordingError, match="lies outside of"):
        read_cases(recording, root)


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
    # Any other exception than RecordingError would fail the test.
    with contextlib.suppress(RecordingError):
        assert len(read_cases(recording)) == 4


# Cases of format 2: objects that are made, and several steps.

CASE = {
    "case": "one",
    "function": "call",
    "setup": [
        [
            "net",
            {
                "t": "make",
                "what": "new",
                "args": {"t": "tuple", "items": [{"t": "str", "v": "a.B"}]},
                "kwargs": {"t": "dict", "items": []},
                "state": {"t": "dict", "items": []},
            },
        ]
    ],
    "target": "o:net.call",
    "args": {"t": "tuple", "items": [{"t": "ref", "name": "net"}]},
    "view_arg": {
        "t": "dict",
        "items": [[{"t": "int", "v": 1}, {"t": "float", "v": "inf"}]],
    },
    "output": _array(shape=[0], weak_type=True),
    "compare": {"mode": "close", "atol": 0.5, "rtol": 0},
    "files": ["plot.png"],
}


def _steps(folder, case, **content):
    file = folder / "group" / "call.json"
    file.parent.mkdir(exist_ok=True)
    content = {"format": 2, "function": "call", "cases": [case]} | content
    file.write_text(json.dumps(content))
    np.savez(file.with_suffix(".npz"), a0=np.zeros(0, "float32"))
    assert read_flags(file, folder) is not None
    return read_cases(file, folder)


def test_steps_are_read_as_their_json_says(tmp_path):
    later = {"target": "v:x", "raises": dict.fromkeys(_ERROR, "KeyError")}
    (case,) = _steps(tmp_path, CASE | {"then": [later]})
    assert (case.example, case.name) == ("group", "one")
    assert case.setup == (("net", Made("new", ("a.B",), {}, {})),)
    assert case.args == (Made("ref", ("net",)),)
    assert case.view_arg == {1: float("inf")}
    assert isinstance(case.output, jax.Array)
    assert case.output.weak_type
    assert case.compare == Compared("close", 0.5, 0.0)
    assert case.files == ("plot.png",)
    (second,) = case.then
    assert (second.args, second.kwargs, second.view) == ((), {}, None)
    assert second.raises.type == "KeyError"


CHANGES = [
    *({"case": "a\nb"}, {"target": "x:net"}, {"kwargs": CASE["view_arg"]}),
    *({"setup": [["net"]]}, {"view": 3}, {"files": [1]}, {"then": [1]}),
    *({"compare": {"mode": "any"}}, {"after": [["net", {"t": "ref"}]]}),
    {"compare": {"mode": "close", "atol": -1}},
]


@pytest.mark.parametrize("change", CHANGES)
def test_steps_that_are_not_of_the_format_are_refused(tmp_path, change):
    with pytest.raises(RecordingError):
        _steps(tmp_path, CASE | change)


@pytest.mark.parametrize("env", [{"LD_PRELOAD": "1"}, {"JAX_ENABLE_X64": "x"}])
def test_only_known_flags_are_set(tmp_path, env):
    with pytest.raises(RecordingError):
        _steps(tmp_path, CASE, env=env)


def test_a_file_of_format_1_asks_for_no_flags(folder, recording):
    assert read_flags(recording, folder) is None
