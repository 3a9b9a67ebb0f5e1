"""Scripts on the bridge: results, exit codes, counts, no side effects."""

import importlib
import sys

import pytest

import tfmpe.compat.util.dataloader
from tfmpe.compat.legacy_warnings import LegacyWarning
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES
from tfmpe.migrate.run.count import run_on_bridge
from tfmpe.migrate.run.finder import serving_bridge


@pytest.mark.parametrize("module", MODULES)
def test_every_legacy_module_is_the_one_of_the_bridge(module):
    bridge = module.replace(LEGACY, BRIDGE, 1)
    with serving_bridge():
        served = importlib.import_module(module)
    assert served is importlib.import_module(bridge)
    assert served.__spec__.name == bridge
    assert module not in sys.modules


def test_an_installed_legacy_package_is_not_used_and_put_back(legacy):
    legacy()
    real = importlib.import_module("sfmpe.utils")
    with serving_bridge():
        served = importlib.import_module("sfmpe.utils")
    assert served.__name__ == "tfmpe.compat.utils"
    assert importlib.import_module("sfmpe.utils") is real


def test_an_unknown_module_suggests_the_nearest():
    said = r"no module 'sfmpe.plots'. Did you mean 'sfmpe.plot'\? `tfmpe scan`"
    error = pytest.raises(ModuleNotFoundError, match=said)
    with serving_bridge(), error as caught:
        importlib.import_module("sfmpe.plots")
    assert caught.value.name == "sfmpe.plots"


ENDS = {"sys.exit()": 0, "sys.exit(7)": 7, "sys.exit('no data')": 1}
ENDS |= {"raise KeyboardInterrupt": 130, "1 / 0": 1}


def test_the_exit_code_is_the_scripts(script):
    assert {x: run_on_bridge(script(x)).exit_code for x in ENDS} == ENDS


def test_a_traceback_is_the_scripts_own(script, capsys):
    text = """
    try:
        flatten_structured(data(), 1, None, None, "wide", {"obs": 1})
    except Exception as error:
        raise RuntimeError("told") from error
    """
    assert run_on_bridge(script(text)).exit_code == 1
    shown = capsys.readouterr().err
    assert "RuntimeError: told" in shown
    assert shown.count('File "fit.py"') == 2
    assert "migrate/run" not in shown
    assert "runpy" not in shown


CALLED = """
from sfmpe.util.dataloader import combine_data
import sfmpe
for _ in range(3):
    flat, slices = flatten_structured(data(), independence=RULES)
combine_data(flat, flat)
sfmpe.utils.split_data(flat, 2)
jax.vmap(lambda d: sfmpe.utils.split_data(d, 1)[0])(jnp.ones((4, 2)))
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF
made = [StructuredCNF(lambda **_: 0.0, rngs=nnx.Rngs(0))]
made[0].vector_field(**dict.fromkeys(
    "theta theta_label theta_index theta_mask time context context_label "
    "context_index context_mask cross_mask".split()))
"""
COUNTED = """
16 util.dataloader.flatten_structured 3 T101
17 util.dataloader.combine_data 1 T103
18 utils.split_data 1 T110
19 utils.split_data 1 T110
22 structured_cnf.StructuredCNF 1 T201
23 structured_cnf.StructuredCNF.vector_field 1 T207
"""


def test_outermost_calls_are_counted_by_line_with_advice(script, monkeypatch):
    pytest.importorskip("diffrax", reason="needs the extra flow")
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    calls = run_on_bridge(script(CALLED)).calls
    found = [
        f"{c.place.line} {c.function[6:]} {c.calls} {c.advice}" for c in calls
    ]
    assert set(found) == set(COUNTED.strip().splitlines())


def test_nothing_is_left_of_a_run(script, capsys):
    before = dict(vars(tfmpe.compat.util.dataloader))
    warn = vars(LegacyWarning)["warn"]
    path, argv = list(sys.path), list(sys.argv)
    text = """
    import sfmpe.svf
    print(__name__, sys.argv, sys.path[0].rpartition("/")[2])
    assert vars(sys.modules["__main__"]) is globals()
    """
    assert run_on_bridge(script(text, "--n", "3")).exit_code == 0
    printed = capsys.readouterr().out
    assert printed == "__main__ ['fit.py', '--n', '3'] scripts\n"
    assert (sys.path, sys.argv) == (path, argv)
    assert dict(vars(tfmpe.compat.util.dataloader)) == before
    assert vars(LegacyWarning)["warn"] is warn


LATE = """
flat = {"data": jnp.ones((3, 1)), "few": jnp.ones((1, 1))}
from sfmpe.utils import split_data
for _ in range(2):
    split_data(flat, 3)
"""


@pytest.mark.parametrize("mode", ["ignore", "warn"])
def test_warnings_are_counted_whether_shown_or_not(script, monkeypatch, mode):
    monkeypatch.setenv("TFMPE_COMPAT", mode)
    silent = "import warnings\nwarnings.simplefilter('ignore')\n"
    (warned,) = run_on_bridge(script(silent + LATE)).warnings
    assert (warned.code, str(warned.place)) == ("L25", "fit.py:18")
    assert (warned.count, "rows" in warned.text) == (2, True)
    monkeypatch.setenv("TFMPE_COMPAT", "error")
    assert run_on_bridge(script(LATE)).exit_code == 1
