"""`tfmpe fix` and `tfmpe undo` on files: whole, kept, restored."""

import json
import os
import stat
import subprocess

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("libcst", reason="needs the extra cli")

from click.testing import CliRunner

from tfmpe import cli as commands

BEFORE = b"from sfmpe.utils import split_data\n"
AFTER = b"from tfmpe.compat.utils import split_data\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        return CliRunner().invoke(commands.cli, [str(arg) for arg in args])

    return run


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "fit.py"
    file.write_bytes(BEFORE)
    return file


def git(*args):
    name = ["-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", *name, *args], check=True, capture_output=True)


def test_a_file_is_rewritten_and_restored(run, script):
    script.chmod(0o751)
    result = run("fix", "fit.py")
    assert result.exit_code == 0, result.output
    assert (
        "1 of 1 file rewritten, 1 edit (1 T001); 0 left to do" in result.output
    )
    assert script.read_bytes() == AFTER
    assert run("fix", "fit.py").output.startswith("0 of 1 file rewritten")
    listed = run("undo", "--list").output
    assert listed.count("\n") == 1
    assert "1 file  can be undone" in listed
    result = run("undo")
    assert result.output == "restored fit.py\n"
    assert script.read_bytes() == BEFORE
    assert stat.S_IMODE(script.stat().st_mode) == 0o751
    assert "undone" in run("undo", "--list").output
    assert run("undo").exit_code == 2


def test_what_is_in_use_through_another_file_is_counted(run, tmp_path):
    (tmp_path / "old.py").write_text(
        "from sfmpe.util.dataloader import flatten_structured as flatten\n"
    )
    (tmp_path / "fit.py").write_text(
        "from old import flatten\n\nflat = flatten({})\n"
    )
    result = run("fix", "--to", "tokens", "--json", "fix.json", ".")
    assert result.exit_code == 1
    assert "2 places use legacy names (tfmpe scan)" in result.output
    assert json.loads((tmp_path / "fix.json").read_text())["in_use"] == 2
    # To the bridge, that is as it should be.
    result = run("fix", ".")
    assert result.exit_code == 0
    assert "in use" not in result.output


def test_without_a_path_it_is_the_current_folder(run, script):
    result = run("fix", "--diff")
    assert "--- a/fit.py" in result.output
    assert "1 of 1 file rewritten, 1 edit (1 T001)" in run("fix").output
    assert script.read_bytes() == AFTER


def test_a_note_of_many_places_is_printed_once(run, script):
    script.write_text(
        "from sfmpe.util.dataloader import flatten_structured\n"
        "flat, _ = flatten_structured({'theta': a, 'y': b})\n"
        "data = flat['data']['theta']\n"
        "more, _ = flatten_structured({'theta': c, 'y': d})\n"
        "others = more['data']['theta']\n"
    )
    result = run("fix", "--to", "tokens", "--check", "--json", "fix.json")
    note = "both sides must have the same samples"
    assert result.output.count("; look at [1]\n") == 2
    assert result.output.count(note) == 1
    assert f"\n[1] {note}" in result.output
    left = json.loads((script.parent / "fix.json").read_text())["left"]
    assert all(note in each["why"] for each in left)
    result = run("fix", "--to", "tokens", "--check", "--unsafe-fixes")
    assert "fit.py:2: T101 rewritten; look at [1]\n" in result.output
    assert result.output.count(note) == 1


def test_a_run_can_be_named(run, script, tmp_path):
    run("fix", "fit.py")
    other = tmp_path / "other.py"
    other.write_bytes(BEFORE)
    run("fix", "other.py")
    first = run("undo", "--list").output.splitlines()[1].split()[0]
    assert run("undo", first).output == "restored fit.py\n"
    assert other.read_bytes() == AFTER
    # Once more, nothing is written, and nothing said to be.
    script.chmod(0o444)
    result = run("undo", first)
    assert result.exit_code == 0
    assert result.output == (
        "nothing to restore: every file is its original already\n"
    )
    result = run("undo", "no-such-run")
    assert result.exit_code == 2
    assert "there is no run 'no-such-run'" in result.output


def test_what_was_changed_since_is_not_overwritten(run, script, tmp_path):
    other = tmp_path / "other.py"
    other.write_bytes(BEFORE)
    run("fix", ".")
    script.write_bytes(AFTER + b"mine = 1\n")
    result = run("undo")
    assert result.exit_code == 1
    assert "fit.py" in result.output
    assert other.read_bytes() == AFTER, "none is restored"
    assert run("undo", "--force").exit_code == 0
    assert script.read_bytes() == other.read_bytes() == BEFORE


def test_what_was_deleted_since_comes_back_by_force(run, script):
    run("fix", "fit.py")
    script.unlink()
    assert run("undo").exit_code == 1
    assert run("undo", "--force").exit_code == 0
    assert script.read_bytes() == BEFORE


def test_a_damaged_original_is_not_restored(run, script, tmp_path):
    run("fix", "fit.py")
    (original,) = (tmp_path / ".tfmpe" / "runs").glob("*/0.original")
    original.write_bytes(b"nonsense")
    result = run("undo")
    assert result.exit_code == 3
    assert "missing or damaged" in result.output
    assert script.read_bytes() == AFTER


def test_only_what_is_written_is_said_to_be_restored(run, script, tmp_path):
    other = tmp_path / "other.py"
    other.write_bytes(BEFORE)
    run("fix")
    script.write_bytes(BEFORE)
    assert run("undo").output == "restored other.py\n"
    assert other.read_bytes() == BEFORE


def test_an_interrupted_run_can_be_undone(run, script, tmp_path, monkeypatch):
    """Whatever was written when it stopped, the originals are there."""
    other = tmp_path / "other.py"
    other.write_bytes(BEFORE)
    calls = []

    def stop(path, old, new):
        if calls:
            raise KeyboardInterrupt
        calls.append(path)
        path.write_bytes(new)

    monkeypatch.setattr("tfmpe.migrate.fix.write.replace_content", stop)
    assert run("fix", ".").exit_code != 0
    monkeypatch.undo()
    os.chdir(tmp_path)
    assert script.read_bytes() == AFTER
    assert other.read_bytes() == BEFORE
    assert CliRunner().invoke(commands.cli, ["undo"]).exit_code == 0
    assert script.read_bytes() == other.read_bytes() == BEFORE


def test_diff_and_check_write_nothing(run, script, tmp_path):
    for option in ("--diff", "--check"):
        result = run("fix", "fit.py", option)
        assert result.exit_code == 1
        assert script.read_bytes() == BEFORE
        assert run("fix", "fit.py", option, "--exit-zero").exit_code == 0
    assert (
        "-from sfmpe.utils import split_data\n+from tfmpe.compat"
        in run("fix", "fit.py", "--diff").output
    )
    assert not (tmp_path / ".tfmpe").exists()


def test_what_is_left_ends_in_1(run, script):
    script.write_bytes(BEFORE + b"import sfmpe.unknown\n")
    result = run("fix", "fit.py", "--json", "out.json")
    assert result.exit_code == 1
    assert "fit.py:2: T003 left: tfmpe.compat does not have" in result.output
    report = json.loads((script.parent / "out.json").read_text())
    assert report["format"] == 1
    assert report["tool"] == "fix"
    assert report["exit_code"] == 1
    assert report["run"] in os.listdir(script.parent / ".tfmpe" / "runs")
    (changed,) = report["changed"]
    assert changed["file"] == "fit.py"
    assert changed["edits"] == [
        {
            "cell": None,
            "line": 1,
            "code": "T001",
            "safety": "safe",
            "before": BEFORE.decode().strip(),
            "after": AFTER.decode().strip(),
        }
    ]
    (left,) = report["left"]
    assert (left["line"], left["code"]) == (2, "T003")


HOSTILE = {
    "broken.py": b"from sfmpe import (\n",
    "python2.py": b"print 'x'\nimport sfmpe\n",
    "not_utf8.py": b"# \xff\nimport sfmpe\n",
    "nul.py": b"import sfmpe\0\n",
    "broken.ipynb": b"{",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_read_is_untouched_and_said(run, script, name):
    (script.parent / name).write_bytes(HOSTILE[name])
    result = run("fix", ".")
    assert result.exit_code == 3
    assert f"{name}: not rewritten: " in result.output
    assert (script.parent / name).read_bytes() == HOSTILE[name]
    assert script.read_bytes() == AFTER


def test_a_read_only_file_is_untouched_and_said(run, script):
    script.chmod(0o444)
    result = run("fix", "fit.py")
    assert result.exit_code == 3
    assert "read-only" in result.output
    assert script.read_bytes() == BEFORE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\xef\xbb\xbf" + BEFORE, b"\xef\xbb\xbf" + AFTER),
        (BEFORE.replace(b"\n", b"\r\n"), AFTER.replace(b"\n", b"\r\n")),
        (b"if 1:\n\t" + BEFORE, b"if 1:\n\t" + AFTER),
        (
            b"# coding: latin-1\nx = '\xe9'\n" + BEFORE,
            b"# coding: latin-1\nx = '\xe9'\n" + AFTER,
        ),
        (BEFORE.strip(), AFTER.strip()),
        (b"x = 1\n\f" + BEFORE, b"x = 1\n\f" + AFTER),
        (b"# a\r\n\f\f" + BEFORE, b"# a\r\n\f\f" + AFTER),
        (b"if 1:\n\f  " + BEFORE, b"if 1:\n\f  " + AFTER),
        (b"s = '''\n\f'''\n\f\n" + BEFORE, b"s = '''\n\f'''\n\f\n" + AFTER),
        (b"", b""),
    ],
)
def test_bytes_that_are_not_rewritten_stay(run, script, before, after):
    script.write_bytes(before)
    assert run("fix", "fit.py").exit_code == 0
    assert script.read_bytes() == after


def test_after_a_form_feed_a_comment_has_the_indent_of_its_line(run, script):
    script.write_bytes(b"if 1:\n    pass\n\f    import sfmpe.unknown\n")
    assert run("fix", "fit.py").exit_code == 1
    *_, comment, line, end = script.read_bytes().split(b"\n")
    assert comment.startswith(b"    # TODO(tfmpe T003)")
    assert (line, end) == (b"\f    import sfmpe.unknown", b"")


def test_calls_after_a_form_feed_are_rewritten(run, script):
    script.write_bytes(
        b"from sfmpe.util.dataloader import flatten_structured\n"
        b"\fflat, _ = flatten_structured({'theta': a, 'y': b})\n"
        b"\fdata = flat['data']['theta']\n"
    )
    run("fix", "--to", "tokens", "--unsafe-fixes")
    written = script.read_bytes()
    assert written.count(b"\n\f") == 2
    assert b"\n\ftokens = Tokens.from_pytree(" in written
    assert b"\n\fdata = tokens_theta.data\n" in written


def test_a_dirty_tree_is_refused(run, script):
    git("init", "-q")
    result = run("fix", "fit.py")
    assert result.exit_code == 2
    assert "not committed: fit.py" in result.output.replace("\n", " ")
    assert script.read_bytes() == BEFORE
    git("add", "fit.py")
    git("commit", "-qm", "x")
    assert run("fix", "fit.py").exit_code == 0
    assert script.read_bytes() == AFTER
    status = subprocess.run(
        ["git", "status", "--porcelain"], capture_output=True, check=True
    )
    assert status.stdout == b" M fit.py\n", "what is kept is not shown by git"
    script.write_bytes(BEFORE + b"x = 1\n")
    assert run("fix", "fit.py").exit_code == 2
    assert run("fix", "fit.py", "--allow-dirty").exit_code == 0


def test_without_git_it_is_said(run, script):
    assert "git does not know 1 file." in run("fix", "fit.py").output


def test_an_unknown_code_is_refused(run, script):
    result = run("fix", "fit.py", "--select", "T001,X9")
    assert result.exit_code == 2
    assert "'X9'" in result.output


def test_a_local_module_of_that_name_is_not_the_package(run, script):
    (script.parent / "sfmpe.py").write_text("split_data = 1\n")
    result = run("fix", "fit.py")
    assert result.exit_code == 1
    assert b"sfmpe.py beside this file" in script.read_bytes()
    assert b"\nfrom sfmpe.utils import split_data\n" in script.read_bytes()


def notebook(*cells):
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "metadata": {},
                    "outputs": [],
                    "source": cell.splitlines(keepends=True),
                }
                for cell in cells
            ],
            "metadata": {"kernelspec": {"language": "python", "name": "p"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )


def test_names_flow_from_cell_to_cell_of_a_notebook(run, tmp_path):
    file = tmp_path / "a.ipynb"
    cells = [
        "%matplotlib inline\nfrom sfmpe.util.dataloader import *\n!ls",
        "flat, slices = flatten_structured({'theta': a, 'y': b})",
        "%%bash\nsfmpe (",
        "# look\n%time print(flat['data']['y'])\ndisplay(slices['y'])\n"
        "sfmpe_unknown = 1\nimport sfmpe.unknown",
    ]
    file.write_text(
        notebook("a = b = {}", *cells[:1], *cells[1:]).replace("%time ", "")
    )
    options = ("--to", "tokens", "--unsafe-fixes", "--json", "out.json")
    result = run("fix", file.name, *options)
    assert result.exit_code == 1, result.output
    stored = json.loads(file.read_text())
    sources = ["".join(cell["source"]) for cell in stored["cells"]]
    assert sources[1] == (
        "%matplotlib inline\nfrom tfmpe import Tokens\n"
        "from tfmpe.compat.util.dataloader import *\n!ls"
    )
    assert sources[2] == (
        "tokens = Tokens.from_pytree(dict(**a, **b), independence={})\n"
        "tokens_y = tokens.select_tokens(list(b))"
    )
    assert sources[3] == cells[2]
    assert sources[4].startswith(
        "# look\nprint(tokens_y.data)\ndisplay(tokens_y.slices)\n"
        "sfmpe_unknown = 1\n# TODO(tfmpe T003)"
    )
    report = json.loads((tmp_path / "out.json").read_text())
    places = [
        (edit["cell"], edit["line"], edit["code"])
        for edit in report["changed"][0]["edits"]
    ]
    assert (2, 2, "T002") in places
    assert (3, 1, "T101") in places
    assert (5, 2, "T101") in places
    (left,) = report["left"]
    assert (left["cell"], left["line"], left["code"]) == (5, 5, "T003")
    before = file.read_bytes()
    assert run("fix", file.name, *options).exit_code == 1
    assert file.read_bytes() == before
