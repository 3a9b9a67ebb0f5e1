"""Command line: output streams and exit codes."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

import tfmpe
from tfmpe.migrate.records.checks import Verify
from tfmpe.migrate.records.files import read_record
from tfmpe.migrate.verify.verify import verify

cli = pytest.importorskip("tfmpe.cli", reason="needs the extra cli")
pytest.importorskip("rich", reason="needs the extra cli")


@pytest.fixture
def looked_up(monkeypatch):
    """Return a function that sets the lookup for replayed calls."""

    def set_lookup(lookup):
        changed = partial(verify, lookup=lookup)
        monkeypatch.setattr(f"{verify.__module__}.verify", changed)

    return set_lookup


def test_all_equal_ends_in_0(run, folder, right, looked_up):
    looked_up(right)
    result = run("verify", folder)
    assert result.exit_code == 0
    assert "1 SFMPE.not_here" in result.words
    assert "not in the bridge of this version" in result.words
    assert result.words.endswith(
        "5 cases identical, 0 within tolerance, 0 different; "
        "1 stored case not replayed"
    )
    result = run("verify", folder, "--example", "errors")
    assert "1 case identical, 0 within tolerance" in result.words


@pytest.mark.parametrize(
    ("words", "quick"), [("", True), ("--all", False), ("folder", False)]
)
def test_only_the_shipped_recordings_are_not_replayed_completely(
    run, folder, monkeypatch, words, quick
):
    found = Mock(return_value=Verify(0, "somewhere", "checked"))
    monkeypatch.setattr(f"{verify.__module__}.verify", found)
    silence = "tfmpe.migrate.replay.silence.compile_quickly"
    monkeypatch.setattr(silence, lambda: None)
    words = words.replace("folder", str(folder)).split()
    assert run("verify", *words).exit_code == 0
    assert found.call_args.kwargs["quick"] is quick


def test_a_difference_ends_in_1_and_is_shown(
    run, folder, wrong, recording, looked_up
):
    looked_up(wrong)
    # A name is never interpreted as markup.
    text = recording.read_text().replace("n4_o3_prior", "[/red][link=x]")
    recording.write_text(text)
    (folder / "MANIFEST.json").unlink()
    file = folder.with_suffix(".json")
    result = run("verify", folder, "--json", file)
    content = read_record(file)
    assert result.exit_code == content.exit_code == 1
    assert content.folder == str(folder)
    for text in (
        "max abs 2.5e-01 in [/red][link=x]__trace165_flatten_index: output",
        "values at output[0, 1, 0]: 0.25, was 0.0 (1 of 5 differ)",
        "1 case identical, 0 within tolerance, 4 different",
    ):
        assert text in result.words
    assert max(map(len, result.output.splitlines())) <= 80
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("verify no/such/folder", "does not exist"),
        (f"verify {__file__}", "is a file"),
        ("verify --example sier", "unknown example 'sier'; the stored output"),
        ("verify --jsn x", "No such option"),
        ("verify --json no/such/x.json", "does not exist"),
        ("draw --example sier", "not one of"),
        ("undo", "No such command"),
        ("bench --case jion", "unknown case 'jion'; expected one of: flatten,"),
        ("bench --legacy no_such_package", "No module named 'no_such_package'"),
        ("bench --legacy json", "No module named 'json.util'"),
        ("bench --max-sites 0", "is not in the range"),
        ("bench --json no/such/x.json", "does not exist"),
        ("bench --device tpu", "is not one of"),
    ],
)
def test_wrong_usage_ends_in_2(run, words, message):
    if words.startswith("bench"):
        pytest.importorskip("flax", reason="needs the extra flow")
    result = run(*words.split(" "))
    assert result.exit_code == 2
    assert message in result.words


def test_what_cannot_be_compared_ends_in_3(run, folder, recording):
    recording.unlink()
    bad = "bad file hierarchical_brownian/flatten_index.json: missing"
    for path, text in ((folder, bad), (folder / "seir", "nothing was com")):
        result = run("verify", path)
        assert result.exit_code == 3
        assert text in result.words


def test_what_cannot_be_written_is_wrong_usage(run, folder, monkeypatch):
    refused = Mock(side_effect=PermissionError(13, "Permission denied"))
    monkeypatch.setattr("os.replace", refused)
    file = folder.with_suffix(".json")
    result = run("verify", folder, "--json", file)
    assert result.exit_code == 2
    assert "cannot be written (Permission denied)" in result.output
    assert not file.exists()


def test_draw_prints_examples_and_writes_png_files(run, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    result = run("draw", "--out", tmp_path / "new" / "masks")
    assert result.exit_code == 0
    assert "T_season |#     |#    |#    |# # #|. . .   |" in result.output
    for name in cli.draw.EXAMPLES:
        assert f"{name}: self-attention" in result.output
        content = (tmp_path / "new" / "masks" / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("draw", "--example", "seir", "--out", tmp_path / "none")
    assert result.exit_code == 2
    assert 'pip install "tfmpe[plot]"' in result.output
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", sorted(cli.cli.commands))
def test_every_help_has_examples(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\n    tfmpe {command}" in result.output


def _python(*args):
    """Start Python in its own process, as a user would."""
    package = Path(tfmpe.__file__).resolve().parent.parent
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, args)],
        **{"capture_output": True, "text": True, "timeout": 300},
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )


def test_python_m_tfmpe_ends_in_the_exit_code(tmp_path):
    done = _python("-m", "tfmpe", "verify", tmp_path)
    assert (done.returncode, done.stderr) == (3, "")
    done = _python("-m", "tfmpe", "--version")
    assert done.stdout == f"tfmpe, version {tfmpe.__version__}\n"


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; "
    done = _python("-c", f"{code}import tfmpe.__main__ as m; m.main()")
    assert done.returncode == 2
    install = f'The command line needs {missing}: pip install "tfmpe[cli]"\n'
    assert done.stderr == install


LAZY = """import sys, {}
heavy = {{"click", "flax", "libcst", "matplotlib", "optax", "rich", "sfmpe"}}
print(*sorted(heavy & set(sys.modules)))"""


@pytest.mark.parametrize(
    ("modules", "loaded"),
    [
        ("tfmpe.migrate.verify.verify, tfmpe.examples.models", ""),
        ("tfmpe.migrate.show.table", "rich"),  # so the check can fail
        ("tfmpe.cli", "click"),
        (f"tfmpe.migrate.rewrite as x; x.scan([{__file__!r}])", "libcst"),
    ],
)
def test_heavy_imports_are_lazy(modules, loaded):
    done = _python("-c", LAZY.format(modules))
    assert done.stdout.strip() == loaded, done.stderr
