"""Command `tfmpe check`: exit codes, output files, wrong usage."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

pytest.importorskip("tfmpe.cli", reason="needs the extra cli")

MODEL = """
import jax
from tfmpe import Model


def prior(key, n):
    return {"mu": jax.random.normal(key, (n, 1, 1))}


def simulator(key, parameters):
    mu = parameters["mu"]
    return {"obs": mu + jax.random.normal(key, (len(mu), 3, 1))}


model = Model(prior, simulator, exchangeable=["obs"])
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write a model and a bad estimator; return the command's arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_model.py").write_text(MODEL)
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "estimator.safetensors").write_text("no estimator")
    np.savez("observed.npz", obs=np.ones((3, 1), np.float32))
    return ["estimator.safetensors", "observed.npz", "--model"]


@pytest.mark.slow
def test_an_estimator_of_no_use_is_found_out(run, files):
    from a_model import model

    from tfmpe.estimators import FlowMatchingEstimator
    from tfmpe.nn import Transformer, TransformerConfig

    estimator = FlowMatchingEstimator(
        Transformer.for_tokens(
            model.simulate(jax.random.key(0), 2),
            TransformerConfig(4, 1, n_encoder_layers=0, n_decoder_layers=1),
            exchangeable=["obs"],
            rngs=nnx.Rngs(0),
        )
    )
    estimator.fit(model, n_simulations=64, n_epochs=1, key=jax.random.key(0))
    estimator.save(files[0])
    outputs = ["--json", "facts.json", "--plot", "page.png"]
    result = run("check", *files, "a_model:model", *outputs)
    assert result.exit_code == 1
    assert "check" in result.words
    facts = json.loads(Path("facts.json").read_text())
    assert facts["verdict"] in ("doubt", "reject")
    assert Path("page.png").read_bytes().startswith(b"\x89PNG")
    np.savez("observed.npz", other=np.ones((3, 1)))
    result = run("check", *files, "a_model:model")
    assert result.exit_code == 3
    assert "'other' not found" in result.words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowhere:model", "No module named 'nowhere'"),
        ("broken:model", "importing broken:model failed: ZeroDivisionError: "),
        ("a_model.py:model", "write a_model:model, without .py"),
        ("a_model", "'a_model' is not MODULE:NAME"),
        ("a_model:nothing", "has no attribute 'nothing'"),
        ("a_model:prior", "a_model:prior is a function, expected a tfmpe."),
    ],
)
def test_a_wrong_model_is_a_usage_error(run, files, name, expected):
    result = run("check", *files, name)
    assert result.exit_code == 2
    assert expected in result.words


def test_a_damaged_file_ends_in_3(run, files):
    result = run("check", *files, "a_model:model")
    assert result.exit_code == 3
    assert "not a whole safetensors file" in result.words


def test_a_folder_is_that_of_a_hierarchical_estimator(run, files):
    Path("groups").mkdir()
    result = run("check", "groups", *files[1:], "a_model:model")
    assert result.exit_code == 3
    assert "global.safetensors" in result.words


def test_inputs_and_groups_are_read_from_the_file(files):
    from tfmpe.cli.check import _arrays

    names = ("a/b", "functional_inputs/a/b", "groups/obs/site")
    np.savez("observed.npz", **{name: np.ones(3) for name in names})
    found = jax.tree.map(np.shape, _arrays(Path("observed.npz")))
    assert found == {
        "a/b": (3,),
        "functional_inputs": {"a": {"b": (3,)}},
        "groups": {"obs": {"site": (3,)}},
    }


@pytest.mark.parametrize("content", [b"", b"no arrays", b"PK\x03\x04", None])
def test_observations_of_another_format_end_in_3(run, files, content):
    if content is None:
        np.save("observed.npy", np.ones(3))
        Path("observed.npy").rename("observed.npz")
    else:
        Path("observed.npz").write_bytes(content)
    result = run("check", *files, "a_model:model")
    assert result.exit_code == 3
    assert "observed.npz is not an .npz file" in result.words
