"""`tfmpe run` and `tfmpe record`: options, output, exit codes, modules."""

import os
from pathlib import Path

import pytest

from migrate.plain import forget
from tfmpe.migrate.records.files import read_record
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.records.runs import Calls

from .conftest import CALL, PRELUDE


def test_run_says_what_was_called_and_what_it_becomes(run, script):
    script(CALL + "print('done', sys.argv)")
    found = run("run", "--json", "seen.json", "fit.py", "--json", "its own")
    assert found.exit_code == 0
    assert found.stdout == "done ['fit.py', '--json', 'its own']\n"
    assert "1 legacy call from 1 place, 0 warnings" in found.stderr
    assert "T101 util.dataloader.flatten_structured -> Tok" in found.stderr
    name, place = "sfmpe.util.dataloader.flatten_structured", ("fit.py", 12, 1)
    written = read_record(Path("seen.json"))
    assert written.calls == (Calls(name, Place(*place), 1, "T101"),)
    script("sys.exit(5)")
    found = run("run", "--quiet", "fit.py")
    assert (found.exit_code, found.output) == (5, "")
    script("print(__name__, sys.argv[1:])")
    found = run("run", "--quiet", "-m", "fit", "-m")
    assert found.stdout == "__main__ ['-m']\n"


def test_shadow_ends_in_1_and_shows_what_differs(run, legacy, script):
    legacy("mask")
    script(CALL)
    shadow = ("run", "--shadow", "--save-cases", "saved", "--json", "s.json")
    found = run(*shadow, "fit.py")
    assert found.exit_code == 1
    path = "output[0]['masks']['attention']['y'][0, 1, 2]"
    for text in (
        "flatten_structured from fit.py:12, call 1",
        f"values at {path}: 0.0, was 1.0",
        "1 call compared: 0 identical, 0 within tolerance, 1",
        "1 call saved for replay",
    ):
        assert text in found.words
    headings, row = found.stderr.splitlines()[1:3]
    assert headings.split()[-3:] == ["rel", "legacy", "function"]
    assert (
        " ".join(row.split()) == "12 0 0 1 1.0e+00 1.0e+00 flatten_structured"
    )
    assert max(map(len, found.stderr.splitlines())) <= 80
    written = read_record(Path("s.json"))
    assert written.differences[0].difference.path == path
    assert written.calls[0].tally.different == 1
    assert run("run", "--shadow", "--exit-zero", "fit.py").exit_code == 0
    refused = run(*shadow, "fit.py")
    assert refused.exit_code == 2
    assert "pass a new folder" in refused.stderr


def test_a_script_that_changes_the_folder_moves_no_output(run, legacy, script):
    legacy()
    script(CALL + "import os\nos.mkdir('x')\nos.chdir('x')")
    assert run("record", "--json", "r.json", "fit.py").exit_code == 0
    assert sorted(os.listdir()) == ["fit.py", "r.json", "recordings", "x"]


ABSENT = "legacy package 'sfmpe' is not installed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --shadow fit.py", ABSENT),
        ("record -- fit.py", ABSENT),
        ("run nothing.py", "there is no file 'nothing.py'"),
        ("run -m no_such_module", "there is no module"),
        ("run -m .fit", "there is no module"),
        ("run --no-training fit.py", "require --shadow"),
        ("run --json no/such/x.json fit.py", "does not exist"),
        ("TFMPE_COMPAT", "TFMPE_COMPAT is 'L99'; expected one of ['warn',"),
        ("TFMPE_COMPAT_FIX", "TFMPE_COMPAT_FIX names the defect 'L99'"),
    ],
)
def test_wrong_usage_ends_in_2(run, script, monkeypatch, words, message):
    script("print('not run')")
    if words.isupper():
        monkeypatch.setenv(words, "L99")
        words = "run fit.py"
    found = run(*words.split())
    assert (found.exit_code, found.stdout) == (2, "")
    assert message in found.words


WAYS = {
    ("run",): "1 legacy call from 1 place",
    ("run", "--shadow"): "1 call compared: 1 identical",
    ("record",): "1 case in recordings",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parent", ["", "import no_such_thing\n", None])
def test_a_package_that_imports_the_legacy_one(
    run, legacy, write, script, way, parent
):
    legacy()
    script("")
    text = f"{PRELUDE}{CALL}print('fitted', __spec__.name)"
    write({"scripts/mine/fit.py": text})
    if parent is not None:
        write({"scripts/mine/__init__.py": f"{parent}import sfmpe.utils\n"})
    found = run(*way, "-m", "mine.fit")
    forget("mine")
    if parent:
        assert found.exit_code == 1
        assert "No module named 'no_such_thing'" in found.stderr
        assert "mine/__init__.py" in found.stderr
    else:
        assert (found.exit_code, found.stdout) == (0, "fitted mine.fit\n")
        assert WAYS[way] in found.stderr
