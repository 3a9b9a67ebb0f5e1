"""`tfmpe report`: what it prints and writes, and how it ends."""

import json
from pathlib import Path

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("jinja2", reason="needs the extra cli")

from click.testing import CliRunner

from tfmpe import cli as commands

EXAMPLE = sorted((Path(__file__).parent / "example").glob("*.json"))


@pytest.fixture
def run():
    """Return a runner of the command."""

    def run(*args):
        return CliRunner().invoke(
            commands.cli, ["report", *(str(arg) for arg in args)]
        )

    return run


@pytest.fixture
def write(tmp_path):
    """Return a function that writes json objects into files."""

    def write(*contents):
        files = []
        for number, content in enumerate(contents):
            files.append(tmp_path / f"in{number}.json")
            files[-1].write_text(json.dumps(content))
        return files

    return write


def test_page_and_json_are_written_and_the_verdict_printed(run, tmp_path):
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    result = run(*EXAMPLE, "--html", page, "--json", data)
    assert result.exit_code == 3, result.output
    written = json.loads(data.read_text())
    assert written["exit_code"] == 3
    assert written["verdict"] in page.read_text(encoding="utf-8")
    assert result.output.splitlines() == [
        written["verdict"],
        "Next: Make these files readable:",
        "  tfmpe scan --format json --output scan.json project",
        f"Written: {page}",
        f"Written: {data}",
    ]
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_exit_codes(run, write, tmp_path, scan, site, shadow, call):
    out = ("--json", tmp_path / "out.json")
    equal, different = shadow(call(3)), shadow(call(3, different=2))
    assert run(*write(equal), *out).exit_code == 0
    assert run(*write(different), *out).exit_code == 1
    assert run(*write(different), *out, "--exit-zero").exit_code == 0
    assert run(*write(scan(site(3))), *out).exit_code == 3
    assert run(*write(scan(site(3))), *out, "--exit-zero").exit_code == 3


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "nothing to report on"),
        ([EXAMPLE[0]], "say where to write"),
        (["no.json", "--json", "x"], "does not exist"),
        ([EXAMPLE[0], "--html", "no/such/x.html"], "does not exist"),
        ([EXAMPLE[0], "--json", "no/such/x.json"], "does not exist"),
        (["--scan", "no/such", "--json", "x"], "does not exist"),
    ],
)
def test_wrong_usage_ends_in_2(run, args, message):
    result = run(*args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_bad_file_ends_in_2_and_nothing_is_written(run, tmp_path):
    bad, page = tmp_path / "bad.json", tmp_path / "report.html"
    bad.write_text('{"tool": "scan", "format": 1, "exit_code": 0}')
    page.write_text("before")
    result = run(*EXAMPLE, bad, "--html", page)
    assert result.exit_code == 2
    assert "bad.json: not as tfmpe scan writes it: files is missing" in (
        " ".join(result.output.split())
    )
    assert page.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == [bad, page]


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    run, tmp_path, monkeypatch
):
    page = tmp_path / "report.html"
    page.write_text("before")

    def fail(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", fail)
    result = run(*EXAMPLE, "--html", page)
    assert result.exit_code == 2
    assert "cannot be written (Permission denied)" in result.output
    assert page.read_text() == "before"
    assert list(tmp_path.iterdir()) == [page]


def test_a_broken_name_in_a_file_is_no_hindrance(
    run, write, tmp_path, scan, site
):
    page = tmp_path / "report.html"
    result = run(*write(scan(site(3, file="a\udcff.py"))), "--html", page)
    assert result.exit_code == 3
    assert "a\ufffd.py" in page.read_text(encoding="utf-8")


def test_without_jinja_the_json_is_still_written(run, tmp_path, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "tfmpe.migrate.page.html", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    data, page = tmp_path / "a.json", tmp_path / "a.html"
    assert run(*EXAMPLE, "--json", data).exit_code == 3
    assert data.exists()
    result = run(*EXAMPLE, "--html", page)
    assert result.exit_code == 2
    assert 'pip install "tfmpe[cli]"' in result.output
    assert not page.exists()


LEGACY = """\
from sfmpe.util.dataloader import flatten_structured

flat, slices = flatten_structured(
    {"theta": theta, "y": y},
    independence=rules,
)
"""


def test_a_folder_is_scanned_and_joined_with_a_run(
    run, write, tmp_path, shadow, call, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "fit.py").write_text(LEGACY)
    (seen,) = write(shadow(call(3, file=str(tmp_path / "src" / "fit.py"))))
    result = run(seen, "--scan", "src", "--json", "out.json")
    assert result.exit_code == 1, result.output
    assert result.output == (
        "1 of 1 call site ran and gave identical results.\n"
        "Next: Rewrite the imports:\n"
        "  tfmpe fix --diff src\n"
        "  tfmpe fix src\n"
        "Written: out.json\n"
    )
    written = json.loads(Path("out.json").read_text())
    found = [(s["line"], s["code"], s["status"]) for s in written["sites"]]
    assert (1, "T001", "no result") in found
    assert (3, "T101", "identical") in found
    assert ["tfmpe fix --diff src", "tfmpe fix src"] in [
        step["commands"] for step in written["next_steps"]
    ]


def test_a_file_that_cannot_be_scanned_makes_the_report_incomplete(
    run, write, tmp_path, shadow, call
):
    bad = tmp_path / "old.py"
    bad.write_text("print 'done'\n")
    result = run(
        *write(shadow(call(3))),
        *("--scan", bad, "--json", tmp_path / "out.json"),
    )
    assert result.exit_code == 3
    assert "Incomplete: 1 file not read." in result.output
