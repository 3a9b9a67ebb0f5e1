"""Recordings of format 2: packed as recorded, read with nothing trusted."""

import io
import json
import tarfile

import jax
import numpy as np
import pytest

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.nodes import Made, Reference
from tfmpe.migrate.recordings.read import find_recordings
from tfmpe.migrate.recordings.scenarios import (
    FLAGS,
    Compared,
    read_flags,
    read_scenarios,
)
from tfmpe.migrate.recordings.stored import stored_folder, unpacked


def test_the_second_part_is_packed_as_it_was_recorded():
    with unpacked(stored_folder()) as part:
        manifest = read_manifest(part)
        assert check_files(part, manifest) == ()
        assert len(manifest.files) == 366
        files = find_recordings(part)
        assert len({file.parent for file in files}) == 23
        cases = 0
        for file in files:
            flags = read_flags(file, part)
            assert set(flags) == set(FLAGS)
            if flags["JAX_ENABLE_X64"] == "0":
                cases += len(read_scenarios(file, part))
        assert cases == 1292 - 200
    assert not part.exists()


def test_a_folder_without_a_second_part_has_none(folder):
    with unpacked(folder) as part:
        assert part is None


def _pack(folder, members):
    with tarfile.open(folder / "part2.tar.gz", "w:gz") as packed:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.size = 2 if kind == tarfile.REGTYPE else 0
            member.linkname = "/etc/passwd"
            packed.addfile(member, io.BytesIO(b"{}"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside.json", tarfile.REGTYPE),
        ("/tmp/outside.json", tarfile.REGTYPE),
        ("group/script.py", tarfile.REGTYPE),
        ("group/link.json", tarfile.SYMTYPE),
        ("group/link.json", tarfile.LNKTYPE),
        ("group/pipe.json", tarfile.FIFOTYPE),
    ],
)
def test_an_archive_of_anything_else_is_refused(tmp_path, name, kind):
    _pack(tmp_path, [(name, kind)])
    with (
        pytest.raises(RecordingError, match="not the name of a recording"),
        unpacked(tmp_path),
    ):
        pass


@pytest.mark.parametrize("kept", [10, 100000])
def test_a_broken_archive_is_refused(tmp_path, kept):
    content = (stored_folder() / "part2.tar.gz").read_bytes()
    (tmp_path / "part2.tar.gz").write_bytes(content[:kept])
    with (
        pytest.raises(RecordingError, match="not a readable archive"),
        unpacked(tmp_path),
    ):
        pass


def test_an_archive_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tfmpe.migrate.recordings.stored.MAX_FILE_BYTES", 3)
    names = [(f"group/{i}.json", tarfile.REGTYPE) for i in range(2)]
    _pack(tmp_path, names)
    with (
        pytest.raises(RecordingError, match="unpacks to 4 bytes or more"),
        unpacked(tmp_path),
    ):
        pass


CASE = {
    "case": "one",
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
    "kwargs": {"t": "dict", "items": []},
    "view_arg": {
        "t": "dict",
        "items": [[{"t": "int", "v": 1}, {"t": "float", "v": "inf"}]],
    },
    "output": {
        "t": "array",
        "npz": "a0",
        "shape": [0],
        "dtype": "float32",
        "lib": "jax",
        "weak_type": True,
    },
    "compare": {"mode": "close", "atol": 0.5, "rtol": 0},
    "files": ["plot.png"],
}


def _read(folder, case, **content):
    file = folder / "group" / "call.json"
    file.parent.mkdir(exist_ok=True)
    content = {"format": 2, "function": "call", "cases": [case]} | content
    file.write_text(json.dumps(content))
    np.savez(file.with_suffix(".npz"), a0=np.zeros(0, "float32"))
    assert read_flags(file, folder) is not None
    return read_scenarios(file, folder)


def test_a_case_is_read_as_its_json_says(tmp_path):
    later = {"target": "v:x", "raises": dict.fromkeys(_RAISES, "KeyError")}
    (scenario,) = _read(tmp_path, CASE | {"then": [later]})
    assert (scenario.example, scenario.name) == ("group", "one")
    assert scenario.setup == (("net", Made("new", ("a.B",), {}, {})),)
    first, second = scenario.steps
    assert first.args == (Reference("net"),)
    assert first.view_arg == {1: float("inf")}
    assert isinstance(first.output, jax.Array)
    assert first.output.weak_type
    assert first.compared == Compared("close", 0.5, 0.0)
    assert first.files == ("plot.png",)
    assert (second.args, second.kwargs, second.view) == ((), {}, None)
    assert second.raises.type == "KeyError"


_RAISES = ("type", "module", "message")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"case": 1}, "case is 1"),
        ({"case": "a\nb"}, "cannot be printed"),
        ({"target": "x:net"}, "target is 'x:net'"),
        ({"raises": {}}, "either an output or what it raises"),
        ({"args": {"t": "none"}}, "args is not a tuple"),
        ({"kwargs": CASE["view_arg"]}, "keys that are not names"),
        ({"args": {"t": "eval", "v": "1"}}, "unknown type of node 'eval'"),
        ({"setup": [["net"]]}, r"not of \[name, node\]"),
        ({"view": 3}, "view is 3"),
        ({"files": [1]}, "files is"),
        ({"compare": {"mode": "any"}}, "compare is"),
        ({"compare": {"mode": "close", "atol": -1}}, "compare is"),
        ({"compare": {"mode": "close", "rtol": "1"}}, "compare is"),
        ({"then": [1]}, "not an object"),
        ({"after": [["net", {"t": "ref"}]]}, "has the fields"),
    ],
)
def test_a_case_that_is_not_of_the_format_is_refused(tmp_path, change, fault):
    with pytest.raises(RecordingError, match=fault):
        _read(tmp_path, CASE | change)


@pytest.mark.parametrize("env", [{"LD_PRELOAD": "1"}, {"JAX_ENABLE_X64": "x"}])
def test_only_known_flags_are_set(tmp_path, env):
    with pytest.raises(RecordingError, match="unknown flags"):
        _read(tmp_path, CASE, env=env)


def test_a_file_of_format_1_asks_for_no_flags(folder, recording):
    assert read_flags(recording, folder) is None
