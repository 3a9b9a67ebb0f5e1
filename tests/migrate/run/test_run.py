"""Running a script on the bridge: identity, exit codes, counts, no traces."""

import importlib
import json
import logging
import os
import subprocess
import sys

import pytest

import tfmpe.compat.util.dataloader
from tfmpe.compat.legacy_warnings import LegacyWarning
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES
from tfmpe.migrate.run.finder import logging_as_legacy, serving_bridge
from tfmpe.migrate.run.count import run_on_bridge


def counted(report):
    return {
        (each.function.rpartition(".")[2], each.place.line): each.calls
        for each in report.calls
    }


@pytest.mark.parametrize("module", MODULES)
def test_every_legacy_module_is_the_one_of_the_bridge(module):
    with serving_bridge():
        served = importlib.import_module(module)
    assert served is importlib.import_module(module.replace(LEGACY, BRIDGE, 1))
    assert served.__spec__.name == module.replace(LEGACY, BRIDGE, 1)
    assert module not in sys.modules


def test_a_package_shows_what_its_modules_have():
    with serving_bridge():
        short = importlib.import_module("sfmpe.nn.transformer")
        long = importlib.import_module("sfmpe.nn.transformer.transformer")
    assert short.Transformer is long.Transformer


def test_an_installed_legacy_package_is_not_used_and_put_back(legacy):
    legacy()
    real = importlib.import_module("sfmpe.utils")
    with serving_bridge():
        served = importlib.import_module("sfmpe.utils")
    assert served.__name__ == "tfmpe.compat.utils"
    assert importlib.import_module("sfmpe.utils") is real


def test_an_unknown_legacy_module_says_what_there_is():
    with (
        serving_bridge(),
        pytest.raises(ModuleNotFoundError, match=r"no module 'sfmpe.plots'; it "
        r"has sfmpe, sfmpe.bottom_up, .* `tfmpe scan`") as caught,
    ):  # fmt: skip
        importlib.import_module("sfmpe.plots")
    assert caught.value.name == "sfmpe.plots"


def test_a_name_that_only_begins_alike_is_left_alone():
    with serving_bridge(), pytest.raises(ModuleNotFoundError, match="sfmpe2"):
        importlib.import_module("sfmpe2")


def test_a_script_sees_its_own_name_arguments_and_folder(script, capsys):
    path, argv = list(sys.path), list(sys.argv)
    program = script(
        """
        from pathlib import Path
        print(__name__, sys.argv, Path(sys.path[0]).name)
        print(sys.modules["__main__"].__dict__ is globals())
        """,
        "--n",
        "3",
    )
    assert run_on_bridge(program).exit_code == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["__main__ ['fit.py', '--n', '3'] scripts", "True"]
    assert (sys.path, sys.argv) == (path, argv)


def test_a_module_is_run_like_python_m(script, capsys):
    script("")
    program = type(script("print(__name__, sys.argv[1:], __spec__.name)"))(
        "fit", ("a",), is_module=True
    )
    assert run_on_bridge(program).exit_code == 0
    assert capsys.readouterr().out == "__main__ ['a'] fit\n"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("sys.exit()", 0),
        ("sys.exit(7)", 7),
        ("sys.exit('no data')", 1),
        ("raise KeyboardInterrupt", 130),
        ("1 / 0", 1),
    ],
)
def test_the_exit_code_is_the_scripts(script, end, code):
    assert run_on_bridge(script(end)).exit_code == code


def test_a_traceback_is_the_scripts_own(script, capsys):
    program = script(
        """
        try:
            flatten_structured(data(), 1, None, None, "wide", {"obs": 1})
        except Exception as error:
            raise RuntimeError("told") from error
        """
    )
    assert run_on_bridge(program).exit_code == 1
    shown = capsys.readouterr().err
    assert "RuntimeError: told" in shown
    assert shown.count('File "fit.py"') == 2
    assert "migrate/run" not in shown
    assert "runpy" not in shown


def test_a_missing_name_points_to_the_scanner(script, capsys):
    run_on_bridge(script("from sfmpe.utils import nothing_of_it"))
    assert "`tfmpe scan`" in capsys.readouterr().err


def test_outermost_calls_are_counted_by_line(script, legacy_warnings_off):
    program = script(
        """
        from sfmpe.util.dataloader import combine_data
        import sfmpe.utils as utils
        for _ in range(3):
            flat, slices = flatten_structured(data(), independence=RULES)
        combine_data(flat, flat)
        utils.split_data(flat, 2)
        jax.vmap(lambda d: utils.split_data(d, 1)[0])(jnp.ones((4, 2)))
        """
    )
    report = run_on_bridge(program)
    assert counted(report) == {
        ("flatten_structured", 16): 3,
        ("combine_data", 17): 1,
        ("split_data", 18): 1,
        ("split_data", 19): 1,
    }


def test_watching_ends_with_the_run(script):
    before = dict(vars(tfmpe.compat.util.dataloader))
    warn = vars(LegacyWarning)["warn"]
    run_on_bridge(script("from sfmpe.sfmpe import SFMPE\nSFMPE.fit"))
    assert dict(vars(tfmpe.compat.util.dataloader)) == before
    assert vars(LegacyWarning)["warn"] is warn
    from tfmpe.compat.sfmpe import SFMPE

    assert SFMPE.fit.__code__.co_name != "watched"


LATE = """
flat = {"data": jnp.ones((3, 1)), "few": jnp.ones((1, 1))}
from sfmpe.utils import split_data
for _ in range(2):
    split_data(flat, 3)
"""


@pytest.mark.parametrize("mode", ["ignore", "warn"])
def test_warnings_are_counted_whether_shown_or_not(script, mode):
    silent = "import warnings\nwarnings.simplefilter('ignore')\n"
    program = script(silent + LATE)
    (warned,) = run_on_bridge(program, mode=mode).warnings
    assert (warned.code, warned.place.file, warned.count) == ("L25", "fit.py", 2)
    assert "rows" in warned.text


def test_warnings_can_be_errors(script, capsys):
    assert run_on_bridge(script(LATE), mode="error").exit_code == 1
    assert "ClampedSplitWarning" in capsys.readouterr().err


def test_fixes_reach_the_script_and_no_further(script, capsys, monkeypatch):
    monkeypatch.delenv("TFMPE_COMPAT_FIX", raising=False)
    program = script("import os; print(os.environ['TFMPE_COMPAT_FIX'])")
    run_on_bridge(program, fix=["L19", "L18"])
    assert capsys.readouterr().out == "L18,L19\n"
    with pytest.raises(ValueError, match="'L99', which cannot be turned off"):
        run_on_bridge(program, fix=["L99"])


LOGGING = """
import functools, logging, logging.config
def main(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        logging.config.dictConfig({CONFIG})
        return function(*args, **kwargs)
    return wrapper
@main
def run(name="fit"):
    logging.getLogger("tfmpe.compat.bottom_up").info("round 1")
    logging.getLogger("tfmpe.compat.train_rounds").info("round 2")
    flatten_structured(data())
if __name__ == "__main__":
    run()
"""
_HANDLERS = {
    "version": 1,
    "formatters": {"f": {"format": "%(name)s: %(message)s"}},
    "handlers": {
        "h": {
            "class": "logging.StreamHandler",
            "formatter": "f",
            "stream": "ext://sys.stdout",
        }
    },
}


def test_the_bridge_logs_under_the_legacy_names(script):
    levels = {
        "sfmpe": {"level": "INFO"},
        "sfmpe.bottom_up": {"level": "WARNING"},
        "": {"handlers": ["h"]},
    }
    script(LOGGING.replace("{CONFIG}", repr(_HANDLERS | {"loggers": levels})))
    done = subprocess.run(
        [sys.executable, "-m", "tfmpe", "run", "fit.py"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "sfmpe.train_rounds: round 2\n"
    assert "1 legacy call from 1 place" in done.stderr


def test_names_of_loggers_are_put_back():
    from tfmpe.compat import bottom_up

    before = dict(vars(bottom_up))
    with logging_as_legacy():
        assert logging.getLogger("tfmpe.compat.a").name == "sfmpe.a"
        assert logging.getLogger("tfmpe.compats").name == "tfmpe.compats"
    assert logging.getLogger("tfmpe.compat.a").name == "tfmpe.compat.a"
    assert dict(vars(bottom_up)) == before
