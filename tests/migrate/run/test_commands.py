"""`tfmpe run` and `tfmpe record`: options, output, exit codes, modules."""

import json
from pathlib import Path

import pytest

from .conftest import CALL, forget


def test_run_says_what_was_called_and_what_it_becomes(command, script):
    script(CALL + "print('done', sys.argv)")
    found = command("run", "--json", "seen.json", "fit.py", "--json", "its own")
    assert found.exit_code == 0
    assert found.stdout == "done ['fit.py', '--json', 'its own']\n"
    assert "1 legacy call from 1 place, 0 warnings" in found.stderr
    assert "T101 util.dataloader.flatten_structured: on Tok" in found.stderr
    written = json.loads(Path("seen.json").read_text())
    assert (written["format"], written["tool"]) == (2, "run")
    (call,) = written["calls"]
    assert call == {
        "function": "sfmpe.util.dataloader.flatten_structured",
        "place": {"file": "fit.py", "line": 12, "column": 1, "cell": None},
        "calls": 1,
        "advice": "T101",
    }
    script("sys.exit(5)")
    found = command("run", "--quiet", "fit.py")
    assert (found.exit_code, found.output) == (5, "")
    script("print(__name__, sys.argv[1:])")
    found = command("run", "--quiet", "-m", "fit", "-m")
    assert found.stdout == "__main__ ['-m']\n"


def test_shadow_ends_in_1_and_shows_what_differs(command, legacy, script):
    legacy("mask")
    script(CALL)
    found = command(
        "run", "--shadow", "--save-cases", "saved", "--json", "s.json", "fit.py"
    )
    assert found.exit_code == 1
    text = " ".join(found.stderr.split())
    assert "flatten_structured from fit.py:12, call 1" in text
    path = "output[0]['masks']['attention']['y'][0, 1, 2]"
    assert f"values at {path}: 0.0, was 1.0" in text
    assert "1 call compared: 0 identical, 0 within tolerance, 1" in text
    assert "1 call saved for replay" in text
    headings, row = found.stderr.splitlines()[1:3]
    assert headings.split()[-3:] == ["rel", "legacy", "function"]
    assert row.split() == [
        "12", "0", "0", "1", "1.0e+00", "1.0e+00", "flatten_structured",
    ]  # fmt: skip
    assert max(map(len, found.stderr.splitlines())) <= 80
    written = json.loads(Path("s.json").read_text(), parse_constant=pytest.fail)
    assert written["tool"] == "shadow"
    assert written["differences"][0]["difference"]["path"] == path
    assert written["calls"][0]["tally"]["different"] == 1
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
        (["nothing.py"], "there is no file 'nothing.py'"),
        (["-m", "no_such_module"], "there is no module"),
        (["-m", ".fit"], "there is no module"),
        (["--no-training", "fit.py"], "work with --shadow only"),
        (["--json", "no/such/x.json", "fit.py"], "does not exist"),
        ("TFMPE_COMPAT", "TFMPE_COMPAT is 'L99'; expected one of ['warn',"),
        ("TFMPE_COMPAT_FIX", "TFMPE_COMPAT_FIX names the defect 'L99'"),
    ],
)
def test_wrong_usage_ends_in_2(command, script, monkeypatch, args, message):
    script("print('not run')")
    if isinstance(args, str):
        monkeypatch.setenv(args, "L99")
        args = ["fit.py"]
    found = command("run", *args)
    assert found.exit_code == 2
    assert message in " ".join(found.output.split())
    assert found.stdout == ""


WAYS = {
    ("run",): "1 legacy call from 1 place",
    ("run", "--shadow"): "1 call compared: 1 identical",
    ("record",): "1 case in recordings",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parent", ["", "import no_such_thing\n", None])
def test_a_package_that_imports_the_legacy_one(
    command, legacy, script, way, parent
):
    legacy()
    script(CALL + "print('fitted', __spec__.name)")
    Path("mine").mkdir()
    Path("fit.py").rename("mine/fit.py")
    if parent is not None:
        text = "from sfmpe.util.dataloader import flatten_structured\n"
        Path("mine/__init__.py").write_text(parent + text)
    found = command(*way, "-m", "mine.fit")
    forget("mine")
    if parent:
        assert found.exit_code == 1
        assert "No module named 'no_such_thing'" in found.stderr
        assert "mine/__init__.py" in found.stderr
    else:
        assert (found.exit_code, found.stdout) == (0, "fitted mine.fit\n")
        assert WAYS[way] in found.stderr
