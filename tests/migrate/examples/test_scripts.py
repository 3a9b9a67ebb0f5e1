"""The example scripts are found, and run to their picture."""

import pytest

pytest.importorskip("flax", reason="needs the extra flow")
pytest.importorskip("matplotlib", reason="needs the extra plot")

from tfmpe.cli.demo import SCRIPTS as OFFERED
from tfmpe.migrate.examples.scripts import SCRIPTS, example_script, run_example

TRAINING = ("--n-simulations=64", "--n-epochs=1", "--n-samples=20")
TINY = {
    "hierarchical_gaussian": (*TRAINING, "--n-ranked=40"),
    "hierarchical_brownian": (*TRAINING, "--n-ranked=40"),
    "seir": (*TRAINING, "--n-sites=3"),
    "eight_schools": TRAINING,
}
LEGACY = ("--n-simulations=250", "--n-epochs=1", "--n-samples=20")
LEGACY_SIZES = {
    "hierarchical_gaussian": (),
    "hierarchical_brownian": ("--n-rounds=1",),
    "seir": ("--n-rounds=1", "--n-sites=3"),
}


def test_the_scripts_on_offer_are_the_scripts():
    assert OFFERED == SCRIPTS == tuple(TINY)
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
@pytest.mark.parametrize("name", TINY)
def test_an_example_runs(name, tmp_path):
    arguments = ("--out", str(tmp_path), *TINY[name])
    assert run_example(name, arguments=arguments) == 0
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", LEGACY_SIZES)
def test_a_legacy_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    arguments = ("--out", str(tmp_path), *LEGACY, *LEGACY_SIZES[name])
    assert run_example(name, legacy=True, arguments=arguments) == 0
    assert (tmp_path / f"{name}_legacy.png").stat().st_size > 10_000
