"""Json of the other commands: a whole example, and small pieces."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tfmpe.migrate.page.content import build
from tfmpe.migrate.page.reading import read_content

EXAMPLE = Path(__file__).parent / "example"
TOOLS = ("scan", "fix", "shadow", "run", "verify", "bench")
MADE = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def example():
    """Return the json of all commands on a small project, by command."""
    return {
        tool: json.loads((EXAMPLE / f"{tool}.json").read_text())
        for tool in TOOLS
    }


@pytest.fixture
def made():
    """Return a function that joins json objects, as if read from files."""

    def make(*contents, base=Path("/home/ada")):
        sources = [
            read_content(json.loads(json.dumps(each)), f"{number}.json")
            for number, each in enumerate(contents)
        ]
        return build(sources, base, MADE)

    return make


@pytest.fixture
def page(example, made):
    """Return the joined content of the example."""
    return made(*example.values())


@pytest.fixture
def scan():
    """Return a function that makes the json of a scan of given sites."""

    def make(*sites, undecided=(), not_read=()):
        return {
            "format": 1,
            "tool": "scan",
            "exit_code": 3 if not_read else int(bool(sites or undecided)),
            "files": {"read": 1, "with_sites": 1, "not_read": list(not_read)},
            "sites": list(sites),
            "undecided": list(undecided),
            "summary": {},
        }

    return make


@pytest.fixture
def site():
    """Return a function that makes one site of a scan."""

    def make(line, function="flatten_structured", **changes):
        return {
            "file": "src/fit.py",
            "cell": None,
            "line": line,
            "column": 1,
            "end_line": line,
            "end_column": 20,
            "code": "T101",
            "name": f"sfmpe.util.dataloader.{function}",
            "text": f"{function}(tree)",
            "becomes": "Tokens.from_pytree(tree, independence)",
            "safety": "unsafe",
        } | changes

    return make


@pytest.fixture
def shadow():
    """Return a function that makes the json of a run beside the old one."""

    def make(*calls, **changes):
        return {
            "format": 1,
            "tool": "shadow",
            "script": "fit.py",
            "exit_code": 0,
            "fingerprint": {},
            "calls": list(calls),
            "differences": [],
            "warnings": [],
            "not_compared": [],
        } | changes

    return make


@pytest.fixture
def call():
    """Return a function that makes one call of such a run, all identical."""

    def make(line, function="flatten_structured", **changes):
        return {
            "function": f"sfmpe.util.dataloader.{function}",
            "file": "src/fit.py",
            "line": line,
            "calls": 2,
            "compared": 2,
            "identical": 2,
        } | changes

    return make
