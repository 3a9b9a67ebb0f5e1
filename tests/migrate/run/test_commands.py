"""`tfmpe run` and `tfmpe record`: options, output, exit codes."""

import json
import subprocess
import sys

import pytest

CALL = "flatten_structured(data(), independence=RULES)\n"


def test_run_says_what_was_called(command, script):
    script(CALL + "print('done', sys.argv)")
    found = command("run", "--json", "seen.json", "fit.py", "--json", "its own")
    assert found.exit_code == 0
    assert found.stdout == "done ['fit.py', '--json', 'its own']\n"
    assert "1 legacy call from 1 place, 0 warnings" in found.stderr
    with open("seen.json") as file:
        assert json.load(file)["tool"] == "run"


def test_run_can_be_quiet(command, script):
    script("sys.exit(5)")
    found = command("run", "--quiet", "fit.py")
    assert (found.exit_code, found.output) == (5, "")


def test_run_takes_a_module(command, script):
    script("print(__name__, sys.argv[1:])")
    found = command("run", "--quiet", "-m", "fit", "-m")
    assert found.stdout == "__main__ ['-m']\n"


def test_shadow_ends_in_1_and_shows_what_differs(command, legacy, script):
    legacy("mask")
    script(CALL)
    found = command("run", "--shadow", "--save-cases", "saved", "fit.py")
    assert found.exit_code == 1
    text = " ".join(found.stderr.split())
    assert "flatten_structured from fit.py:12, call 1" in text
    assert (
        "values at output[0]['masks']['attention']['y'][0, 1, 2]: 0.0, was 1.0"
        in text
    )
    assert "1 call compared: 0 identical, 0 within tolerance, 1" in text
    assert "1 call saved for replay" in text
    headings, row = found.stderr.splitlines()[1:3]
    assert headings.split()[-3:] == ["rel", "legacy", "function"]
    assert row.split() == [
        "12", "0", "0", "1", "1.0e+00", "1.0e+00", "flatten_structured",
    ]  # fmt: skip
    assert max(map(len, found.stderr.splitlines())) <= 80
    again = command("run", "--shadow", "--exit-zero", "fit.py")
    assert again.exit_code == 0
    refused = command("run", "--shadow", "--save-cases", "saved", "fit.py")
    assert refused.exit_code == 2
    assert "name a new folder" in refused.stderr


@pytest.mark.parametrize("args", [["run", "--shadow"], ["record", "--"]])
def test_without_the_legacy_package_it_says_so(command, script, args):
    script("print('not run')")
    found = command(*args, "fit.py")
    assert found.exit_code == 2
    assert "legacy package 'sfmpe' is not installed" in found.output
    assert "not run" not in found.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["run", "nothing.py"], "there is no file 'nothing.py'"),
        (["run", "-m", "no_such_module"], "there is no module"),
        (["run", "--nested", "fit.py"], "--nested works with --shadow only"),
        (["run", "--fix", "L99", "fit.py"], "'L99', which cannot be turned"),
        (
            ["run", "--shadow", "--fix", "L19", "fit.py"],
            "--fix works without --shadow only",
        ),
        (["run", "--json", "no/such/x.json", "fit.py"], "does not exist"),
    ],
)
def test_wrong_usage_ends_in_2(command, script, args, message):
    script("print('not run')")
    found = command(*args)
    assert found.exit_code == 2
    assert message in " ".join(found.output.split())
    assert "not run" not in found.output


def test_an_unknown_mode_of_the_environment_is_wrong_usage(
    command, script, monkeypatch
):
    monkeypatch.setenv("TFMPE_COMPAT", "bogus")
    script("print('run')")
    found = command("run", "fit.py")
    assert found.exit_code == 2
    assert (
        "Error: The environment variable TFMPE_COMPAT is 'bogus'; expected "
        "one of ['warn', 'ignore', 'error']."
    ) in " ".join(found.stderr.split())
    assert found.stdout == ""
    found = command("run", "--quiet", "--warnings", "warn", "fit.py")
    assert (found.exit_code, found.output) == (0, "run\n")


def test_an_unknown_fix_of_the_environment_is_wrong_usage(
    command, script, monkeypatch
):
    monkeypatch.setenv("TFMPE_COMPAT_FIX", "L99")
    script("print('run')")
    found = command("run", "fit.py")
    assert found.exit_code == 2
    assert "Error: TFMPE_COMPAT_FIX names the defect 'L99'" in found.stderr
    assert found.stdout == ""


def test_record_then_verify(command, legacy, script):
    legacy()
    script(CALL)
    found = command("record", "--out", "golden", "--", "fit.py")
    assert found.exit_code == 0
    assert "1 case in golden" in found.stderr
    again = command("record", "--out", "golden", "--", "fit.py")
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert command("verify", "golden").exit_code == 0


@pytest.mark.parametrize("name", ["run", "record"])
def test_the_help_has_examples_and_exit_codes(command, name):
    found = command(name, "--help")
    assert f"\n    tfmpe {name} " in found.output
    assert "Exit code:" in found.output


def test_a_process_of_its_own_runs_an_unmodified_script(script):
    script(CALL + "import sfmpe; print(sfmpe.__name__, EXIT)")
    done = subprocess.run(
        [sys.executable, "-m", "tfmpe", "run", "fit.py"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "NameError: name 'EXIT' is not defined" in done.stderr
    assert "1 legacy call from" in done.stderr
