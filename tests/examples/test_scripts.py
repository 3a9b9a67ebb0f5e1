"""Example scripts: lookup, and complete runs."""

import importlib
import math
import re

import jax
import jax.numpy as jnp
import pytest

pytest.importorskip("flax", reason="needs the extra flow")
pytest.importorskip("matplotlib", reason="needs the extra plot")

from nightly import some_of
from tfmpe.examples.scripts import SCRIPTS, example_script, run_example

TRAINING = ("--n-simulations=64", "--n-epochs=1", "--n-samples=20")
TINY = {
    "hierarchical_gaussian": (*TRAINING, "--n-ranked=40"),
    "hierarchical_brownian": (*TRAINING, "--n-ranked=40"),
    "seir": (*TRAINING, "--n-sites=3"),
    "eight_schools": TRAINING,
}
LEGACY = ("hierarchical_gaussian", "hierarchical_brownian", "seir")


def test_the_scripts_on_offer_are_the_scripts():
    assert tuple(TINY) == SCRIPTS
    for name in SCRIPTS:
        assert example_script(name).is_file()


def test_what_is_not_there_is_named():
    with pytest.raises(FileNotFoundError) as raised:
        example_script("eight_schools", legacy=True)
    assert str(raised.value) == (
        "There is no example eight_schools_legacy.py. Examples: "
        "hierarchical_gaussian, hierarchical_brownian, seir, eight_schools; "
        "eight_schools has no legacy form."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", some_of(TINY, [], "example scripts"))
def test_an_example_runs(name, tmp_path):
    arguments = ("--out", str(tmp_path), *TINY[name])
    assert run_example(name, arguments=arguments) == 0
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def bijectors_missing():
    """Return why bijectors are not available, or an empty text."""
    try:
        importlib.import_module("tfmpe.compat._bijector_maps")
    except ImportError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", some_of(LEGACY, [], "example scripts"))
def test_a_legacy_example_runs(name, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    arguments = ("--quick", "--out", str(tmp_path))
    assert run_example(name, legacy=True, arguments=arguments) == 0
    printed = capfd.readouterr().out
    for title in ("bottom-up (SFMPE)", "plain arrays (FMPE)"):
        _, _, found = printed.partition(title)
        for what in ("mean log density", "p-value of l-C2ST"):
            number = re.search(rf"{what} +(\S+)", found)[1]
            assert math.isfinite(float(number))
    without = name == "seir" and bijectors_missing() != ""
    assert without == printed.startswith("No bijectors: ")
    lines = [n for n in printed.splitlines() if not n.startswith("picture:")]
    assert max(map(len, lines)) <= 80
    for picture in ("legacy.png", "lc2st_sfmpe.jpg", "lc2st_fmpe.jpg"):
        assert (tmp_path / f"{name}_{picture}").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_bijectors_of_seir(monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    if reason := bijectors_missing():
        pytest.skip(reason)
    monkeypatch.syspath_prepend(example_script("seir").parent)
    script = importlib.import_module("seir_legacy")
    draws = script.bounded_prior(jax.random.key(0), (500,), 2)
    bijector = script.make_bijector(draws | {"obs": jnp.ones((500, 2, 3, 1))})
    scaled = bijector.forward(draws)
    for name, values in scaled.items():
        assert values.mean() == pytest.approx(0, abs=1e-4)
        assert values.std() == pytest.approx(1, abs=1e-4)
        back = bijector.inverse(scaled)[name]
        assert jnp.allclose(back, draws[name], rtol=1e-4)
    row = jax.tree.map(lambda leaf: leaf[0], scaled)

    def amplitude(u):
        return bijector.inverse({"A": u})["A"]

    # Only for the first parameter (L37).
    expected = jnp.linalg.slogdet(jax.jacobian(amplitude)(row["A"])[:, 0, :, 0])
    found = bijector.inverse_log_det_jacobian(row, event_ndims=1)
    assert jnp.allclose(found, expected[1], rtol=1e-4)
