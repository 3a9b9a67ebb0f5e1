"""Commands, files and recordings shared by the tests of several tools."""

import hashlib
import json
import shutil

import pytest

from migrate.plain import forget, write_plain
from tfmpe.migrate import oracle
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.recordings.stored import stored_folder, unpacked

SMALL = (
    "hierarchical_brownian/flatten_index",
    "errors/decode_theta",
    "seir/SFMPE_sample_base_dist",
)


@pytest.fixture
def run():
    """Run a command in this process; the result also has its `words`."""
    pytest.importorskip("click", reason="needs the extra cli")
    from click.testing import CliRunner

    from tfmpe.cli import cli

    def run(*args):
        arguments = [str(arg) for arg in args]
        found = CliRunner().invoke(cli, arguments, env={"COLUMNS": "80"})
        if found.exception and not isinstance(found.exception, SystemExit):
            raise found.exception
        found.words = " ".join(found.output.split())
        return found

    return run


@pytest.fixture
def write(tmp_path):
    """Write files into a folder, from text, bytes, or cells of a notebook."""

    def write(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, list):
                content = notebook(*content)
            if isinstance(content, str):
                content = content.encode()
            path.write_bytes(content)

    return write


def notebook(*cells):
    """Return a notebook; each cell is code, or a pair of type and text."""
    made = []
    for cell in cells:
        kind, text = cell if isinstance(cell, tuple) else ("code", cell)
        more = (
            {"outputs": [], "execution_count": None} if kind == "code" else {}
        )
        lines = text.splitlines(keepends=True)
        made.append({"cell_type": kind, "metadata": {}, "source": lines} | more)
    kernel = {"kernelspec": {"language": "python", "name": "python3"}}
    stored = {"cells": made, "metadata": kernel}
    return json.dumps(stored | {"nbformat": 4, "nbformat_minor": 5}, indent=1)


@pytest.fixture
def legacy(tmp_path, monkeypatch):
    """Return a function that installs a small package, right or wrong."""
    pytest.importorskip("flax", reason="needs the extra flow")
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")

    def install(change=None):
        write_plain(tmp_path / "site", change)
        monkeypatch.syspath_prepend(tmp_path / "site")

    yield install
    forget(LEGACY)


@pytest.fixture
def folder(tmp_path):
    """Return four cases: one raises, and one function is not replayed."""
    root, files = tmp_path / "recordings", {}
    for name in [f"{name}{end}" for name in SMALL for end in (".json", ".npz")]:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stored_folder() / name, file)
    text = (root / f"{SMALL[-1]}.json").read_text()
    text = text.replace("SFMPE.sample_base_dist", "SFMPE.not_here")
    (root / f"{SMALL[-1]}.json").write_text(text)
    for file in root.glob("*/*.*"):
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        listed = {"sha256": digest, "bytes": len(content)}
        files[file.relative_to(root).as_posix()] = listed
    manifest = {"format": 1, "provenance": {}, "files": files}
    (root / "MANIFEST.json").write_text(json.dumps(manifest))
    return root


@pytest.fixture
def recording(folder):
    """Return the JSON file of a small recording, which has an npz file."""
    return folder / "hierarchical_brownian" / "flatten_index.json"


@pytest.fixture
def part():
    """Return the folder of the second part of the stored output."""
    with unpacked(stored_folder()) as found:
        yield found


@pytest.fixture
def right():
    """Return a lookup of the correct implementation."""
    return lambda name: getattr(oracle, name)


@pytest.fixture
def wrong(right):
    """Return a lookup whose `_flatten_index` is off by 0.25 in one value."""

    def off(*args, **kwargs):
        return oracle._flatten_index(*args, **kwargs).at[0, 1, 0].add(0.25)

    return lambda name: off if name == "_flatten_index" else right(name)
