"""Own golden files: what is written is what was returned, to the bit."""

import hashlib
import json

import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.migrate.recordings.fingerprint import KIND, VERSIONS
from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.nodes import Abstract
from tfmpe.migrate.recordings.read import read_recording
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.recordings.write import NodeWriter
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.run.record import record_run
from tfmpe.migrate.run.record import Recorder
from tfmpe.migrate.recordings.write_folder import record_of
from tfmpe.migrate.run.twins import Twins
from .conftest import replayed

SCRIPT = """
from sfmpe.util.dataloader import decode_theta
from sfmpe.utils import split_data
from sfmpe.bottom_up import train_bottom_up
for n in (2, 2, 3):
    flat, slices = flatten_structured(data(n), independence=RULES)
decoded = decode_theta(flat["data"]["theta"], slices["theta"], (3,))
jax.jit(lambda t: split_data(t, 3)[0])(flat["data"])
try:
    wrong = {"cross_local": [("theta", "obs", None)]}
    flatten_structured(data(), independence=wrong)
except ValueError:
    pass
"""


@pytest.fixture
def recorded(legacy, script, tmp_path):
    legacy()
    folder = tmp_path / "golden"
    return folder, record_run(script(SCRIPT), folder)


def test_a_recording_is_read_back_to_the_bit(recorded):
    folder, report = recorded
    assert report.exit_code == 0
    assert _cases(report) == {
        "decode_theta": (1, 0, 0),
        "flatten_structured": (3, 1, 0),
        "split_data": (1, 0, 0),
    }
    cases = read_recording(folder / "fit" / "flatten_structured.json", folder)
    assert [case.example for case in cases] == ["fit"] * 3
    assert cases[0].source == "called from fit.py:17"
    tree = {
        "theta": {"mu": jnp.ones((2, 1, 1)), "theta": 2 * jnp.ones((2, 3, 1))},
        "y": {"obs": jnp.arange(12.0).reshape(2, 3, 2, 1)},
    }
    assert compare((tree,), cases[0].args).identical
    assert list(cases[0].output[0]["masks"]["attention"]) == [
        "y",
        "theta",
        "cross",
    ]
    assert cases[2].raises is not None
    assert cases[2].raises.type == "ValueError"


def test_traced_calls_are_recorded_as_shapes(recorded):
    folder, _ = recorded
    (case,) = read_recording(folder / "fit" / "split_data.json", folder)
    assert case.traced
    assert case.args[0]["y"] == Abstract((3, 6, 1), "float32")
    assert case.output[0]["y"] == Abstract((2, 6, 1), "float32")


def test_the_bridge_replays_what_was_recorded(recorded):
    folder, _ = recorded
    assert [found.identical for found in replayed(folder)] == [True] * 5


def test_the_manifest_lists_every_file_and_where_it_came_from(recorded):
    folder, _ = recorded
    manifest = read_manifest(folder)
    assert manifest is not None
    assert check_files(folder, manifest) == ()
    fingerprint = manifest.provenance["fingerprint"]
    assert set(fingerprint) == {
        *KIND,
        *VERSIONS,
        "package",
        "package_version",
        "commit",
        "device_kind",
    }
    assert fingerprint["package"] == "sfmpe"
    assert manifest.provenance["cases"] == 5


def test_equal_runs_give_equal_bytes(legacy, script, tmp_path):
    legacy()
    digests = set()
    for name in ("one", "two"):
        record_run(script(SCRIPT), tmp_path / name)
        files = sorted((tmp_path / name).glob("fit/*"))
        content = b"".join(file.read_bytes() for file in files)
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1


def test_a_folder_is_replaced_only_when_told(recorded, script):
    folder, _ = recorded
    before = (folder / "MANIFEST.json").read_bytes()
    small = script("flatten_structured(data(4))")
    with pytest.raises(FileExistsError):
        record_run(small, folder)
    assert (folder / "MANIFEST.json").read_bytes() == before
    assert _cases(record_run(small, folder, force=True)) == {
        "flatten_structured": (1, 0, 0)
    }
    assert len(read_recording(folder / "fit" / "flatten_structured.json")) == 1
    assert not (folder / "fit" / "split_data.json").exists()
    assert [entry.name for entry in folder.parent.glob(".golden*")] == []


def test_a_folder_is_written_whole_or_not_at_all(
    legacy, script, tmp_path, monkeypatch
):
    legacy()
    monkeypatch.setattr(
        "tfmpe.migrate.run.record.write_atomically", _disk_full
    )
    with pytest.raises(OSError, match="disk full"):
        record_run(script(SCRIPT), tmp_path / "golden")
    assert list(tmp_path.glob("*golden*")) == []


def _disk_full(*args):
    raise OSError("disk full")


def test_limits_leave_out_and_say_so(legacy, script, tmp_path):
    legacy()
    program = script("for n in (2, 3, 4):\n    flatten_structured(data(n))")
    calls = record_run(program, tmp_path / "calls", max_calls=2)
    assert _cases(calls) == {"flatten_structured": (2, 0, 1)}
    size = record_run(program, tmp_path / "bytes", max_bytes=300)
    assert _cases(size) == {"flatten_structured": (1, 0, 2)}


def test_what_cannot_be_recorded_is_said(legacy, script, tmp_path):
    legacy()
    report = record_run(
        script(
            """
            from flax import nnx
            from sfmpe.structured_cnf import StructuredCNF
            from sfmpe.util.dataloader import as_batch_iterator, pad_1d
            cnf = StructuredCNF(lambda *, theta, **_: -theta, nnx.Rngs(0))
            rows = {"data": {"y": jnp.ones(1)}}
            as_batch_iterator(jax.random.key(0), rows, 1, True)
            try:
                pad_1d(jnp.ones((1, 2)), 3, pad_value=object)
            except TypeError:
                pass
            cnf.sample(
                jnp.ones((1, 2, 1)), None, None, None, (1, 1), None, None,
                None, None, theta_0=jnp.ones((1, 1, 1)),
            )
            """
        ),
        tmp_path / "golden",
    )
    assert "as_batch_iterator" in report.not_recorded
    assert _opaque(report) == {
        "StructuredCNF.sample": ("a vector field of the script's own",),
        "pad_1d": ("builtins.type",),
    }


def test_without_a_call_nothing_is_written(legacy, script, tmp_path):
    legacy()
    report = record_run(script(""), tmp_path / "golden")
    assert report.exit_code == 3
    assert not (tmp_path / "golden").exists()


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        10**30,
        -0.0,
        float("nan"),
        "text",
        (1, [2.5, {"b": None, "a": ()}]),
        np.int8(-3),
        np.float32(0.1),
        np.bool_(True),
        np.zeros((0, 3), "float16"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(3, "uint8"),
    ],
    ids=repr,
)
def test_every_value_is_read_back_as_it_was(value, tmp_path):
    assert _round_trip(value, tmp_path) == "same"


def test_arrays_of_jax_keep_weak_types(tmp_path):
    weak = jnp.asarray(1.5)
    assert weak.weak_type
    assert (
        _round_trip({"weak": weak, "strong": jnp.ones(2)}, tmp_path) == "same"
    )


def _round_trip(value, folder):
    writer = NodeWriter()
    record = {
        "case": "one",
        "function": "f",
        "args": writer.write((value,)),
        "kwargs": writer.write({}),
        "output": writer.write(value),
    }
    content = {"format": 1, "function": "f", "cases": [record]}
    (folder / "f.json").write_text(json.dumps(content))
    (folder / "f.npz").write_bytes(writer.npz())
    (case,) = read_recording(folder / "f.json")
    result = compare(value, case.output)
    return "same" if result.identical else str(result.differences)


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
    first = writer.write(np.ones(3))
    assert writer.write(np.ones(3)) == first
    assert writer.write(np.ones(3, "float32"))["npz"] != first["npz"]


@pytest.mark.parametrize("name", ["split_data", "decode_theta"])
def test_the_stored_recordings_are_written_again_alike(name, tmp_path):
    file = stored_folder() / "seir" / f"{name}.json"
    cases = read_recording(file)
    writer = NodeWriter()
    records = [record_of(case, writer) for case in cases]
    content = {"format": 1, "function": name, "cases": records}
    (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / f"{name}.npz").write_bytes(writer.npz())
    for before, after in zip(
        cases, read_recording(tmp_path / f"{name}.json"), strict=True
    ):
        for field in ("args", "kwargs", "output", "args_after"):
            old, new = getattr(before, field), getattr(after, field)
            assert compare(old, new).identical
        assert before.name == after.name


def test_a_name_of_a_script_is_a_name_of_a_folder():
    assert Recorder("../evil name", Twins("sfmpe")).example == "_evil_name"


def _cases(report):
    return {
        each.function: (each.cases, each.repeated, each.left_out)
        for each in report.functions
    }


def _opaque(report):
    return {each.function: each.opaque for each in report.functions if each.opaque}
