"""The command line: what it prints, where, and how it ends."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("rich", reason="needs the extra cli")

from click.testing import CliRunner

import tfmpe
from tfmpe import cli as commands
from tfmpe.cli.draw import EXAMPLES as DRAWN
from tfmpe.examples.models import EXAMPLES
from tfmpe.migrate.verify.verify import verify

WIDTH = {"COLUMNS": "80"}


@pytest.fixture
def run(monkeypatch):
    """Return a runner of the commands, with pipes for a terminal."""

    def run(*args, lookup=None):
        if lookup is not None:
            monkeypatch.setattr(
                "tfmpe.migrate.verify.verify.verify",
                partial(verify, lookup=lookup),
            )
        return CliRunner().invoke(
            commands.cli, [str(arg) for arg in args], env=WIDTH
        )

    return run


def test_all_equal_ends_in_0(run, folder, right):
    result = run("verify", folder, lookup=right)
    assert result.exit_code == 0
    assert "_flatten_index" in result.output
    assert "1 SFMPE.not_here" in result.output, "what is not replayed is said"
    assert " ".join(result.output.split()).endswith(
        "5 cases identical, 0 within tolerance, 0 different; "
        "1 stored case not replayed"
    )


def test_the_output_fits_80_columns_and_has_no_colour(run, folder, wrong):
    result = run("verify", folder, lookup=wrong)
    assert max(map(len, result.output.splitlines())) <= 80
    assert "\x1b" not in result.output


def test_a_difference_ends_in_1_and_is_shown(run, folder, wrong):
    result = run("verify", folder, lookup=wrong)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert (
        "max abs 2.5e-01 in n4_o3_prior__trace165_flatten_index: "
        "output[0, 1, 0]" in text
    )
    assert "values at output[0, 1, 0]: 0.25, was 0.0 (1 of 5 differ)" in text
    assert "1 case identical, 0 within tolerance, 4 different" in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["verify", "no/such/folder"], "does not exist"),
        (["verify", __file__], "is a file"),
        (["verify", "--example", "sier"], "unknown example 'sier'"),
        (["verify", "--jsn", "x"], "No such option"),
        (["verify", "--json", "no/such/x.json"], "does not exist"),
        (["draw", "--example", "sier"], "not one of"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_usage_ends_in_2(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_an_unknown_example_lists_the_known_ones(run, folder):
    result = run("verify", folder, "--example", "sier")
    assert "errors, hierarchical_brownian, seir" in " ".join(
        result.output.split()
    )


def test_a_bad_file_ends_in_3_and_is_named(run, folder, recording, right):
    recording.unlink()
    result = run("verify", folder, lookup=right)
    assert result.exit_code == 3
    assert (
        "bad file hierarchical_brownian/flatten_index.json: missing"
        in " ".join(result.output.split())
    )


def test_nothing_to_compare_ends_in_3(run, tmp_path):
    result = run("verify", tmp_path)
    assert result.exit_code == 3
    assert "nothing was compared" in result.output


def test_a_name_is_never_taken_for_markup(run, folder, recording, wrong):
    (folder / "MANIFEST.json").unlink()
    content = json.loads(recording.read_text())
    content["cases"][0]["case"] = "[/red][link=x]"
    recording.write_text(json.dumps(content))
    result = run("verify", folder, lookup=wrong)
    assert result.exit_code == 1
    assert "[/red][link=x]" in result.output


def test_the_json_is_the_report(run, folder, wrong, tmp_path):
    file = tmp_path / "report.json"
    result = run("verify", folder, "--json", file, lookup=wrong)
    content = json.loads(file.read_text())
    assert result.exit_code == content["exit_code"] == 1
    assert content["summary"]["different"] == 4
    assert content["folder"] == str(folder)


def test_a_json_that_cannot_be_written_is_wrong_usage(
    run, folder, right, tmp_path, monkeypatch
):
    file = tmp_path / "report.json"
    file.write_text("before")

    def fail(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", fail)
    result = run("verify", folder, "--json", file, lookup=right)
    assert result.exit_code == 2
    assert "cannot be written (Permission denied)" in result.output
    assert file.read_text() == "before"


def test_fail_fast_says_that_it_stopped(run, folder, wrong):
    result = run("verify", folder, "--fail-fast", lookup=wrong)
    assert result.exit_code == 1
    assert "stopped at the first failure" in result.output


def test_draw_prints_the_three_examples(run):
    result = run("draw")
    assert result.exit_code == 0
    for name in EXAMPLES:
        assert f"{name}: self-attention" in result.output
    assert "T_season |#     |#    |#    |# # #|. . .   |" in result.output


def test_draw_prints_one_example(run):
    result = run("draw", "--example", "seir")
    assert "hierarchical" not in result.output


def test_draw_writes_png_files(run, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    result = run("draw", "--out", tmp_path / "new" / "masks")
    assert result.exit_code == 0
    for name in EXAMPLES:
        content = (tmp_path / "new" / "masks" / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG")


def test_draw_without_matplotlib_says_what_to_install(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("draw", "--example", "seir", "--out", tmp_path)
    assert result.exit_code == 0
    assert 'pip install "tfmpe[plot]"' in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_examples_on_offer_are_the_examples():
    assert tuple(EXAMPLES) == DRAWN


@pytest.mark.parametrize("command", ["verify", "draw"])
def test_the_help_has_examples(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\n    tfmpe {command}" in result.output


# As a user starts it: in a process of its own.


def _python(*args):
    package = Path(tfmpe.__file__).resolve().parent.parent
    path = os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **WIDTH, "PYTHONPATH": path},
        check=False,
    )


def test_python_m_tfmpe_verifies(folder):
    done = _python("-m", "tfmpe", "verify", folder)
    assert done.returncode == 0, done.stderr
    assert "5 cases identical" in done.stdout
    assert done.stderr == ""


def test_python_m_tfmpe_ends_in_the_exit_code(folder, recording):
    recording.write_text("{}")
    assert _python("-m", "tfmpe", "verify", folder).returncode == 3
    done = _python("-m", "tfmpe", "verify", "no/such/folder")
    assert done.returncode == 2
    assert done.stdout == ""


def test_the_version_is_printed():
    done = _python("-m", "tfmpe", "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("tfmpe, version ")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_one_line_says_what_to_install(missing):
    done = _python(
        "-c",
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from tfmpe.__main__ import main; main()",
    )
    assert done.returncode == 2
    assert done.stderr == (
        f'The command line needs {missing}: pip install "tfmpe[cli]"\n'
    )


LAZY = """
import sys
import {modules}
loaded = sorted({{'click', 'rich', 'matplotlib'}} & set(sys.modules))
print(*loaded)
"""


@pytest.mark.parametrize(
    "modules",
    [
        "tfmpe.migrate",
        "tfmpe.migrate.verify.verify, tfmpe.migrate.verify.report, "
        "tfmpe.examples.models",
    ],
)
def test_the_tools_import_no_command_line(modules):
    done = _python("-c", LAZY.format(modules=modules))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_the_check_of_lazy_imports_can_fail():
    done = _python("-c", LAZY.format(modules="tfmpe.migrate.verify.table"))
    assert done.stdout.strip() == "rich"
