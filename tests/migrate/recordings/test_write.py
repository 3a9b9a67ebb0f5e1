"""Values as nodes of a recording: round trips."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.recordings.write import NodeWriter
from tfmpe.migrate.recordings.write_folder import Recorder, record_of
from tfmpe.migrate.replay.compare import compare

VALUES = [
    *(None, True, 10**30, -0.0, float("nan"), "text"),
    *(np.int8(-3), np.float32(0.1), np.bool_(True), np.array(3, "uint8")),
    *((1, [2.5, {"b": None, "a": ()}]), np.zeros((0, 3), "float16")),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    {"weak": jnp.asarray(1.5), "strong": jnp.ones(2)},
    jax.random.split(jax.random.key(7, impl="rbg")),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_is_read_back_as_it_was(value, tmp_path):
    writer = NodeWriter()
    record = {"case": "one", "function": "f", "output": writer.write(value)}
    record |= {"args": writer.write((value,)), "kwargs": writer.write({})}
    (case,) = _read([record], "f", writer, tmp_path)
    result = compare(value, case.output)
    assert result.identical, result.differences


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, np.array([None]), np.array(["text"]), {"a": {1, 2}}],
    ids=["object", "int key", "objects", "texts", "set"],
)
def test_what_the_format_does_not_have_is_opaque(value):
    writer = NodeWriter()
    writer.write(value)
    assert len(writer.opaque) == 1


def test_equal_arrays_are_kept_once():
    writer = NodeWriter()
    first, same = writer.write(np.ones(3)), writer.write(np.ones(3))
    assert first == same != writer.write(np.ones(3, "float32"))


@pytest.mark.parametrize("name", ["split_data", "decode_theta"])
def test_the_stored_recordings_are_written_again_alike(name, tmp_path):
    cases = read_cases(stored_folder() / "seir" / f"{name}.json")
    writer = NodeWriter()
    again = _read([record_of(c, writer) for c in cases], name, writer, tmp_path)
    for before, after in zip(cases, again, strict=True):
        for field in ("args", "kwargs", "output", "args_after"):
            old, new = getattr(before, field), getattr(after, field)
            assert compare(old, new).identical
        assert before.name == after.name


def test_a_name_of_a_script_is_a_name_of_a_folder():
    assert Recorder("../evil name").example == "_evil_name"


def _read(records, function, writer, folder):
    content = {"format": 1, "function": function, "cases": records}
    (folder / "f.json").write_text(json.dumps(content))
    (folder / "f.npz").write_bytes(writer.npz())
    return read_cases(folder / "f.json")
