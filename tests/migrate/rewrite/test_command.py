"""`tfmpe fix`: complete rewrites or none, and no skipped file."""

import os
import stat
import subprocess
from unittest.mock import Mock

import pytest

from tfmpe.migrate.records.code import Fix
from tfmpe.migrate.records.files import from_json

BEFORE = b"from sfmpe.utils import split_data\n"
AFTER = b"from tfmpe.compat.utils import split_data\n"


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "fit.py"
    file.write_bytes(BEFORE)
    return file


def git(*args):
    name = ["-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run(["git", *name, *args], check=True, capture_output=True)


def test_a_file_is_rewritten_once_with_its_mode(run, script):
    script.chmod(0o751)
    result = run("fix")
    assert result.exit_code == 0, result.output
    assert "1 of 1 file rewritten, 1 statement; 0 left to do" in result.output
    assert "1 file not tracked by git." in result.output
    assert script.read_bytes() == AFTER
    assert stat.S_IMODE(script.stat().st_mode) == 0o751
    before = script.stat()
    assert run("fix").output.startswith("0 of 1 file rewritten")
    assert script.stat() == before
    assert [file.name for file in script.parent.iterdir()] == ["fit.py"]


def test_diff_and_check_write_nothing(run, script):
    for option in ("--diff", "--check"):
        result = run("fix", "fit.py", option)
        assert result.exit_code == 1
        assert "1 of 1 file would be rewritten" in result.output
        assert script.read_bytes() == BEFORE
        assert run("fix", "fit.py", option, "--exit-zero").exit_code == 0
    result = run("fix", "fit.py", "--diff")
    assert result.stdout == (
        "--- a/fit.py\n+++ b/fit.py\n@@ -1 +1 @@\n"
        f"-{BEFORE.decode()}+{AFTER.decode()}"
    )


def test_json_is_a_record(run, script):
    script.write_bytes(BEFORE + b"import sfmpe.unknown\n")
    assert run("fix", "--json", "out.json").exit_code == 1
    stored = script.with_name("out.json").read_bytes()
    record = from_json(stored, "out.json")
    assert isinstance(record, Fix)
    assert (record.exit_code, record.written) == (1, True)
    ((change,),) = [file.changes for file in record.changed]
    assert str(change.place) == "fit.py:1"
    statements = f"{change.before}\n", f"{change.after}\n"
    assert statements == (BEFORE.decode(), AFTER.decode())
    (left,) = record.left
    assert (left.place.line, left.code) == (2, "T003")
    script.write_bytes(BEFORE)
    printed = run("fix", "--diff", "--json", "-").stdout_bytes
    assert isinstance(from_json(printed, "standard output"), Fix)


def test_an_original_is_kept_on_request_and_never_replaced(run, script):
    assert run("fix", "--backup").exit_code == 0
    original = script.with_name("fit.py.orig")
    assert (original.read_bytes(), script.read_bytes()) == (BEFORE, AFTER)
    script.write_bytes(BEFORE + b"x = 1\n")
    result = run("fix", "--backup")
    assert result.exit_code == 3
    assert "fit.py.orig exists already" in result.output
    assert script.read_bytes() == BEFORE + b"x = 1\n"
    assert original.read_bytes() == BEFORE


UNREAD = {
    "broken.py": b"from sfmpe import (\n",
    "python2.py": b"print 'x'\nimport sfmpe\n",
    "return.py": b"import sfmpe\nreturn\n",
    "deep.py": b"import sfmpe\n" + b"(" * 5_000 + b")" * 5_000,
    "deep_calls.py": b"import sfmpe\na" + b".b()" * 3_000,
    "broken.ipynb": b"{",
    "cell.ipynb": b'{"cells": [{"cell_type": "code", "source": "x ="}]}',
    "pipe.py": None,
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_cannot_be_read_is_untouched_and_said(run, script, name):
    file = script.parent / name
    if UNREAD[name] is None:
        os.mkfifo(file)
    else:
        file.write_bytes(UNREAD[name])
    result = run("fix", ".")
    assert result.exit_code == 3
    assert f"{name}: not rewritten: " in result.output
    assert UNREAD[name] is None or file.read_bytes() == UNREAD[name]
    assert script.read_bytes() == AFTER
    if name != "return.py":
        result = run("scan", ".", "--exit-zero")
        assert result.exit_code == 3
        assert f"{name}: not read: " in result.output
        assert "1 not read.\nThe scan is incomplete" in result.output


def test_what_must_not_be_written_is_untouched_and_said(run, script):
    script.chmod(0o444)
    result = run("fix", "fit.py")
    assert result.exit_code == 3
    assert "read-only" in result.output
    assert script.read_bytes() == BEFORE


def test_links_are_followed_and_stay(run, write, tmp_path):
    link, real = tmp_path / "link.py", tmp_path / "src" / "real.py"
    link.symlink_to("src/real.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "none.py").symlink_to("nowhere.py")
    for given in (".", "link.py"):
        write({"src/real.py": BEFORE})
        result = run("fix", given)
        assert result.exit_code == 0, result.output
        assert "1 of 1 file rewritten" in result.output
        assert link.is_symlink()
        assert real.read_bytes() == AFTER


def test_all_is_prepared_before_anything_is_written(run, script, monkeypatch):
    stop = Mock(side_effect=KeyboardInterrupt)
    monkeypatch.setattr("tfmpe.migrate.rewrite.files._configuration", stop)
    script.with_name("x.toml").write_bytes(b"")
    assert run("fix", ".").exit_code != 0
    assert script.read_bytes() == BEFORE


def test_a_dirty_tree_is_refused(run, script):
    git("init", "-q")
    result = run("fix", "fit.py")
    assert result.exit_code == 2
    assert "to be committed: fit.py" in result.output.replace("\n", " ")
    assert script.read_bytes() == BEFORE
    git("add", "fit.py")
    git("commit", "-qm", "x")
    assert run("fix", "fit.py").exit_code == 0
    assert script.read_bytes() == AFTER
    script.write_bytes(BEFORE + b"x = 1\n")
    assert run("fix", "--check").exit_code == 1
    assert run("fix").exit_code == 2
    assert run("fix", "--allow-dirty").exit_code == 0


@pytest.mark.parametrize("broken", [False, True])
def test_what_git_cannot_restore_is_said(run, script, broken):
    git("init", "-q")
    script.with_name(".gitignore").write_text("fit.py\n")
    if broken:
        script.with_name(".git").joinpath("config").write_text("[")
    result = run("fix", "fit.py")
    if broken:
        assert result.exit_code == 2
        assert "fit.py (git: fatal: bad config" in result.words
    assert script.read_bytes() == (BEFORE if broken else AFTER)
    assert ("1 file not tracked by git." in result.output) is not broken


@pytest.mark.parametrize(
    "content",
    [
        BEFORE + b"x = 1\n\x0c\ny = '\x1c \xe2\x80\xa8'\n",
        b"# coding: latin-1\r\nx = '\xe9'\r\n" + BEFORE,
        b"x = 1\ry = 2\r\n" + BEFORE.rstrip(),
    ],
)
def test_a_diff_can_be_applied(run, script, content):
    named = script.with_name("my fit é.py")
    named.write_bytes(content)
    diff = run("fix", str(named), "--diff").stdout_bytes
    stop = diff.index(b"1 of 1") if b"1 of 1" in diff else None
    script.with_name("x.diff").write_bytes(diff[:stop])
    git("apply", "x.diff")
    assert named.read_bytes() == content.replace(BEFORE[:10], AFTER[:17])


def test_an_old_command_line_for_tokens_moves_imports_and_says_so(run, script):
    result = run("fix", "--to", "tokens")
    assert result.exit_code == 1
    assert "Calls have to be moved to Tokens by hand" in result.output
    assert script.read_bytes() == AFTER


def test_a_large_file_is_rewritten(run, script, listed, monkeypatch):
    monkeypatch.setattr("tfmpe.migrate.rewrite.uses._MAX_CODE", 1_000)
    line = b"x = [1, 2, 'abc', f(3)]\n"
    script.write_bytes(BEFORE + line * 100)
    assert run("fix").exit_code == 0
    assert script.read_bytes().startswith(AFTER + line)
    found = listed("scan")
    assert "too many to look for uses" in found["mentions"][0]["why"]
