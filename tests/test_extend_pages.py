"""Pages in docs/extend: their changes applied, and their code run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tfmpe

PAGES = sorted((Path(__file__).parents[1] / "docs" / "extend").glob("*.md"))


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)


def test_the_pages_are_found():
    assert {page.stem for page in PAGES} == {
        "key-property",
        "legacy-name",
        "rule",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_changes_apply_and_code_runs(page, tmp_path):
    """Run all Python code of a page as one script, in a copy of the package."""
    shutil.copytree(
        Path(tfmpe.__file__).parent,
        tmp_path / "tfmpe",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    text = page.read_text(encoding="utf-8")
    for diff in blocks(text, "diff"):
        # The line counts of the page may be off, but not its lines.
        done = subprocess.run(
            ["git", "apply", "--recount", "-"],
            input=diff,
            cwd=tmp_path,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, f"{done.stderr}\n{diff}"
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(text, "python")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(blocks(text, "text"))
