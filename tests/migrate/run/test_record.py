"""Recordings of a script: bit-exact results."""

from unittest.mock import Mock

import pytest

from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.nodes import Abstract
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.run.record import record_run

from .conftest import PRELUDE, replayed

SCRIPT = """
from sfmpe.util.dataloader import decode_theta
from sfmpe.utils import split_data
for n in (2, 2, 3):
    flat, slices = flatten_structured(data(n), independence=RULES)
decoded = decode_theta(flat["data"]["theta"], slices["theta"], (3,))
jax.jit(lambda t: split_data(t, 3)[0])(flat["data"])
try:
    wrong = {"cross_local": [("theta", "obs", None)]}
    flatten_structured(data(), independence=wrong)
except Exception:
    pass
"""


@pytest.fixture
def recorded(legacy, script, tmp_path):
    legacy()
    folder = tmp_path / "golden"
    return folder, record_run(script(SCRIPT), folder)


def _counts(report):
    found = report.functions
    return {f.function: (f.cases, f.repeated, f.left_out) for f in found}


def test_a_recording_is_read_back_to_the_bit(recorded):
    folder, report = recorded
    assert report.exit_code == 0
    assert _counts(report) == {
        "decode_theta": (1, 0, 0),
        "flatten_structured": (3, 1, 0),
        "split_data": (1, 0, 0),
    }
    cases = read_cases(folder / "fit" / "flatten_structured.json", folder)
    assert [case.example for case in cases] == ["fit"] * 3
    assert cases[0].source == "called from fit.py:16"
    namespace = {}
    exec(PRELUDE.replace("sfmpe", "tfmpe.compat"), namespace)
    assert compare((namespace["data"](),), cases[0].args).identical
    masks = list(cases[0].output[0]["masks"]["attention"])
    assert masks == ["y", "theta", "cross"]
    assert cases[2].raises is not None
    (case,) = read_cases(folder / "fit" / "split_data.json", folder)
    assert case.traced
    assert case.args[0]["y"] == Abstract((3, 6, 1), "float32")
    assert case.output[0]["y"] == Abstract((2, 6, 1), "float32")
    assert all(found.identical for found in replayed(folder)[:-1])
    manifest = read_manifest(folder)
    assert check_files(folder, manifest) == ()
    assert manifest.provenance["fingerprint"]["package"] == "sfmpe"


VMAP = """
jax.vmap(lambda x: flatten_structured(x, 0, independence=RULES)[0])(data())
"""
KEY = """
from sfmpe.utils import split_data
split_data({"y": jnp.ones((4, 1))}, 4, 0.5, jax.random.key(0))
"""


@pytest.mark.parametrize("text", [VMAP, KEY])
def test_calls_outside_jit_are_replayed(legacy, script, tmp_path, text):
    legacy()
    (each,) = record_run(script(text), tmp_path / "golden").functions
    assert each.opaque == ()
    (found,) = replayed(tmp_path / "golden")
    assert found.differences == ()


def test_a_folder_is_replaced_only_when_told(recorded, script):
    folder, _ = recorded
    before = (folder / "MANIFEST.json").read_bytes()
    small = script("flatten_structured(data(4))")
    with pytest.raises(FileExistsError):
        record_run(small, folder)
    assert (folder / "MANIFEST.json").read_bytes() == before
    again = record_run(small, folder, force=True)
    assert _counts(again) == {"flatten_structured": (1, 0, 0)}
    assert not (folder / "fit" / "split_data.json").exists()
    assert [entry.name for entry in folder.parent.glob(".golden*")] == []


def test_a_folder_is_written_whole_or_not_at_all(
    legacy, script, tmp_path, monkeypatch
):
    legacy()
    name = "tfmpe.migrate.recordings.write_folder.write_atomically"
    monkeypatch.setattr(name, Mock(side_effect=OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        record_run(script(SCRIPT), tmp_path / "golden")
    assert list(tmp_path.glob("*golden*")) == []


def test_limits_leave_out_and_say_so(legacy, script, tmp_path):
    legacy()
    program = script("for n in (2, 3, 4):\n    flatten_structured(data(n))")
    calls = record_run(program, tmp_path / "calls", max_calls=2)
    assert _counts(calls) == {"flatten_structured": (2, 0, 1)}
    nothing = record_run(script(""), tmp_path / "nothing")
    assert nothing.exit_code == 3
    assert not (tmp_path / "nothing").exists()


def test_what_cannot_be_recorded_is_said(legacy, script, tmp_path):
    legacy()
    text = """
    from sfmpe.util.dataloader import as_batch_iterator, pad_1d
    as_batch_iterator(jax.random.key(0), {"data": jnp.ones(1)}, 1, True)
    try:
        pad_1d(jnp.ones((1, 2)), 3, pad_value=object)
    except TypeError:
        pass
    """
    report = record_run(script(text), tmp_path / "golden")
    assert "as_batch_iterator" in report.not_recorded
    (each,) = report.functions
    assert (each.function, each.opaque) == ("pad_1d", ("builtins.type",))


@pytest.mark.slow
def test_the_next_key_of_a_flow_is_recorded(copied, script, tmp_path):
    copied()
    text = """
    from flax import nnx
    from sfmpe.structured_cnf import StructuredCNF
    cnf = StructuredCNF(lambda *, theta, **_: -theta, nnx.Rngs(0))
    cnf.sample(jnp.ones((1, 2, 1)), None, None, None, (1, 1), None, None,
               None, None)
    """
    (each,) = record_run(script(text), tmp_path / "golden").functions
    assert each.function == "StructuredCNF.sample"
    assert each.opaque == ("a vector field defined by the script",)
    (file,) = find_recordings(tmp_path / "golden")
    (case,) = read_cases(file)
    assert case.extra["base_key_data"].shape == (2,)
