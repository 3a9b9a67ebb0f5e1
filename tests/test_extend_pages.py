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
    """In a copy of the package, with all Python of the page as one script."""
    shutil.copytree(
        Path(tfmpe.__file__).parent,
        tmp_path / "tfmpe",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    text = page.read_text(encoding="utf-8")
    for diff in blocks(text, "diff"):
        # The page's own count of lines may be off, the lines may not.
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
