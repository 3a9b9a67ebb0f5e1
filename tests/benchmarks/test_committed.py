"""The committed result of a real run."""

import re
from pathlib import Path

import pytest

from tfmpe.migrate.bench.machine import machine
from tfmpe.migrate.bench.register import CASES
from tfmpe.migrate.bench.report import Report
from tfmpe.migrate.bench.table import as_markdown

FILE = Path(__file__).parents[2] / "docs" / "benchmarks" / "cpu.json"


@pytest.fixture(scope="module")
def committed():
    return Report.from_json(FILE.read_text(encoding="utf-8"))


def _row(committed, name, sites):
    (case,) = (case for case in committed.cases if case.name == name)
    (row,) = (row for row in case.rows if row.sites == sites)
    return row


def test_it_found_no_difference(committed):
    assert committed.exit_code == 0
    assert committed.old == "oracle"
    assert {case.name for case in committed.cases} == set(CASES)


# Half of the goals or less, where the margin is large.
@pytest.mark.parametrize(
    ("name", "what", "least"),
    [
        ("join", "bytes", 100),
        ("join", "seconds", 50),
        ("shuffle", "seconds", 100),
        ("change", "seconds", 5),
        ("draws", "seconds", 3),
        ("nine-arguments", "seconds", 5),
    ],
)
def test_ratios_at_fifty_sites(committed, name, what, least):
    assert _row(committed, name, 50).ratio(what) > least


def test_it_names_the_machine_by_its_kind_alone(committed):
    assert set(committed.machine) == {*machine(), "copy_bytes_per_s"}
    assert not re.search(r"/\w+/", FILE.read_text(encoding="utf-8"))


def test_its_page_shows_its_numbers(committed):
    text = FILE.with_suffix(".md").read_text(encoding="utf-8")

    assert text == as_markdown(committed, "cpu.png")
