"""Unreadable files: clear errors; protected files: no changes."""

import os
from pathlib import Path

import pytest

from tfmpe.migrate.sources import (
    SourceError,
    check_syntax,
    find_sources,
    is_configuration,
    read_source,
    replace_content,
)

# Text stands for notebooks, bytes for scripts.
UNREAD = {
    "{": "not JSON",
    "[]": "not a notebook",
    "{}": r"not a notebook of format 4 \(no 'cells'\)",
    '{"cells": [1]}': "not a notebook",
    '{"cells": [{"cell_type": "code"}]}': "not a notebook of .*source",
    '{"cells": [{"cell_type": "code", "source": [1]}]}': "not a notebook",
    '{"worksheets": [], "nbformat": 3}': "nbconvert",
    "[" * 100_000: "not JSON",
    b"def f(:\n": r"syntax error in line 1",
    b"x = 1\n\n  y = 2\n": "syntax error in line 3: unexpected indent",
    b"print 'a'\n": "syntax error in line 1: Missing parentheses",
    b"x = 'a\0b'\n": "null bytes",
    "x = 'é'\n".encode("latin-1"): "wrong encoding: invalid or missing",
    b"x = 1\ny = 2\nz = '\xff'\n": "line 3 is not utf-8",
    b"# coding: no-such\n": "unknown encoding",
    b"# coding: hex\nx\n": "wrong encoding",
    "x = 1\n".encode("utf-16"): "wrong encoding: invalid or missing",
    b"(" * 5_000 + b")" * 5_000: "too many nested",
    b"x = " + b"(" * 150_000: "too many nested",
    b"x = 1" + b" + 1" * 2_000: "nested too deeply",
    b"x = " + b"-" * 20_000 + b"1": "nested too deeply",
    b"x = a" + b".b()" * 2_000: "nested too deeply",
    b"\n" * 10_000_001: "too large: 10,000,001 bytes",
}
ODD = [
    *(b"", b"\xef\xbb\xbfx = 1\n", b"x = '\\d'\n", b"await x\nreturn\n"),
    *(b"x = a" + b".b()" * 150, b"x = 1" + b" + 1" * 350),
    b"if a: pass\n" + b"elif b: pass\n" * 350,
    b"if x:\r\n\ty = 1\r\n",
]


def read_and_parse(path):
    source = read_source(path)
    return [check_syntax(source, cell) for cell in source.cells]


@pytest.mark.parametrize("content", UNREAD, ids=lambda content: content[:40])
def test_what_cannot_be_read_says_why(tmp_path, write, content):
    name = "a.ipynb" if isinstance(content, str) else "a.py"
    write({name: content})
    with pytest.raises(SourceError, match=UNREAD[content]) as caught:
        read_and_parse(tmp_path / name)
    assert caught.value.file == (tmp_path / name).as_posix()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ODD, ids=lambda content: content[:40])
def test_what_is_odd_but_python(tmp_path, write, content):
    write({"a.py": content})
    read_and_parse(tmp_path / "a.py")


def test_a_notebook_of_another_language_has_no_cells_of_python(tmp_path):
    path = tmp_path / "a.ipynb"
    cells = '"cells": [{"cell_type": "code", "source": "x <- 1"}]'
    kernel = '"metadata": {"kernelspec": {"language": "R"}}'
    for content in (f"{{{cells}, {kernel}}}", '{"cells": ""}'):
        path.write_text(content)
        source = read_source(path)
        (magic,) = [m for cell in source.cells for m in cell.magics] or [None]
        assert magic is None or magic.text == "x <- 1"
        assert not any(tree.body for tree in read_and_parse(path))


def test_files_below_a_folder(tmp_path, write):
    kept = ["a.py", "b.ipynb", "c/d.py", "c/e/f.PY", ".hidden/a.py"]
    kept += ["stub.pyi", "makefile_gen.py", "dockerfile.py", "run"]
    configurations = ["x.toml", ".github/w.yml", "requirements.txt"]
    configurations += [
        *("Makefile", "GNUmakefile", "x.Dockerfile", "Procfile", "Jenkinsfile"),
        *("MANIFEST.in", ".env", ".env.local", ".flake8", "a.pyx", "b.pxd"),
        *("requirements/x.txt", "a.conf", "b.j2", "c.smk", "d.bat", "start"),
    ]
    left_out = [
        *(".tox/a.py", ".ipynb_checkpoints/b.ipynb", "__pycache__/a.py"),
        *("node_modules/a.py", "env/lib/a.py", "env/x.toml", "a.txt"),
        *(".cache/a.py", "conda/a.py", "lib/site-packages/a.py", "LICENSE"),
        *("data.json", "file.txt"),
    ]
    names = (*kept, *configurations, *left_out, "env/pyvenv.cfg")
    write(dict.fromkeys(names, "") | {"conda/conda-meta/history": ""})
    write({"run": "#!/usr/bin/env python3\n", "start": "#!/bin/sh\n"})
    (tmp_path / "c" / "round").symlink_to(tmp_path)
    (tmp_path / "c" / "link.py").symlink_to(tmp_path / ".tox/a.py")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "none.py")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    (tmp_path / "outside").symlink_to("/")

    found, unseen = find_sources([tmp_path])
    assert not unseen
    names = {file.relative_to(tmp_path).as_posix() for file in found}
    assert names == {*kept, *configurations, "c/link.py"}
    assert sum(map(is_configuration, found)) == len(configurations)

    named = [tmp_path / name for name in ("a.txt", ".tox", "c/d.py")]
    found, unseen = find_sources([*named, named[2], tmp_path / "none"])
    assert found == [named[0], tmp_path / ".tox/a.py", named[2]]
    assert [str(error) for error in unseen] == [
        f"{tmp_path.as_posix()}/none: it cannot be accessed "
        "(No such file or directory)"
    ]


def test_names_that_are_no_text_can_be_shown(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.py"))
    path.write_text("x =")
    with pytest.raises(SourceError) as caught:
        read_and_parse(find_sources([tmp_path])[0][0])
    assert caught.value.file == f"{tmp_path.as_posix()}/\\xff .py"


def test_files_that_changed_meanwhile_are_refused(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"y = 1\r\n")
    with pytest.raises(SourceError, match="changed after"):
        replace_content(path, b"x = 1\r\n", b"x = 2\r\n")
    assert path.read_bytes() == b"y = 1\r\n"
