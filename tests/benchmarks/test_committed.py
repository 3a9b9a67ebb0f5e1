"""The committed results of real runs."""

import re
from pathlib import Path

import pytest

from tfmpe.migrate.bench.machine import machine
from tfmpe.migrate.bench.register import CASES
from tfmpe.migrate.bench.report import Report
from tfmpe.migrate.bench.table import as_markdown

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
FILES = [FOLDER / name for name in ("cpu.json", "sites.json")]
ATTENTION = {
    "plan",
    "attention",
    "attention-grad",
    "training-local",
    "draws-local",
}


def _read(file):
    return Report.from_json(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def committed():
    return _read(FILES[0])


@pytest.fixture(scope="module")
def sites():
    return _read(FILES[1])


def _row(committed, name, sites):
    (case,) = (case for case in committed.cases if case.name == name)
    (row,) = (row for row in case.rows if row.sites == sites)
    return row


def test_they_found_no_difference(committed, sites):
    for report in (committed, sites):
        assert report.exit_code == 0
        assert report.old == "oracle"
    assert {case.name for case in sites.cases} == ATTENTION
    assert {case.name for case in committed.cases} == set(CASES) - ATTENTION


# Half of the goals or less, where the margin is large.
@pytest.mark.parametrize(
    ("name", "what", "least"),
    [
        ("join", "bytes", 100),
        ("join", "seconds", 50),
        ("shuffle", "seconds", 200),
        ("change", "seconds", 5),
        ("draws", "seconds", 10),
        ("nine-arguments", "seconds", 5),
    ],
)
def test_ratios_at_fifty_sites(committed, name, what, least):
    assert _row(committed, name, 50).ratio(what) > least


@pytest.mark.parametrize(
    ("name", "n_sites", "least"),
    [
        ("attention", 100, 10),
        ("attention", 500, 37),
        ("attention-grad", 125, 5),
        ("plan", 1_250, 60),
    ],
)
def test_attention_is_at_least_at_half_of_its_goals(
    sites, name, n_sites, least
):
    assert _row(sites, name, n_sites).ratio("seconds") > least


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_names_the_machine_by_its_kind_alone(file):
    assert set(_read(file).machine) == {*machine(), "copy_bytes_per_s"}
    assert not re.search(r"/\w+/", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_its_page_shows_its_numbers(file):
    text = file.with_suffix(".md").read_text(encoding="utf-8")
    assert text == as_markdown(_read(file), file.with_suffix(".png").name)
