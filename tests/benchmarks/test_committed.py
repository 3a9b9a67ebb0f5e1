"""Committed results of real benchmark runs."""

import re
import runpy
from pathlib import Path

import pytest

from tfmpe.migrate.bench.cases import CASES
from tfmpe.migrate.bench.machine import machine
from tfmpe.migrate.records.files import read_record

FOLDER = Path(__file__).parents[2] / "docs" / "benchmarks"
FILES = {name: FOLDER / f"{name}.json" for name in ("cpu", "sites")}


@pytest.fixture(scope="module")
def committed():
    return {name: read_record(file) for name, file in FILES.items()}


def test_they_found_no_difference(committed):
    names = []
    for found in committed.values():
        assert (found.exit_code, found.old) == (0, "oracle")
        names += [case.case for case in found.cases]
    assert names == list(CASES)


# Half of the goals or less, where the margin is large.
@pytest.mark.parametrize(
    ("file", "name", "sites", "what", "least"),
    [
        ("cpu", "join", 50, "bytes", 100),
        ("cpu", "join", 50, "median_s", 50),
        ("cpu", "shuffle", 50, "median_s", 200),
        ("cpu", "change", 50, "median_s", 5),
        ("cpu", "draws", 50, "median_s", 10),
        ("cpu", "nine-arguments", 50, "median_s", 5),
        ("sites", "attention", 100, "median_s", 10),
        ("sites", "attention", 500, "median_s", 37),
        ("sites", "attention-grad", 125, "median_s", 5),
        ("sites", "plan", 1_250, "median_s", 60),
    ],
)
def test_ratios(committed, file, name, sites, what, least):
    (case,) = (case for case in committed[file].cases if case.case == name)
    (row,) = (row for row in case.rows if row.sites == sites)
    old, new = (getattr(side, what) for side in row.both)
    assert old / new > least


@pytest.mark.parametrize("name", FILES)
def test_it_names_the_machine_by_its_kind_only(committed, name):
    about = committed[name].machine
    assert {*about} - {"virtual", "copy_bytes_per_s"} == {*machine()}
    assert not re.search(r"/\w+/", FILES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_its_page_has_its_cases_and_sizes(committed, name):
    page = FILES[name].with_suffix(".md").read_text(encoding="utf-8")
    for case in committed[name].cases:
        assert f"{case.case}: {case.about}; samples" in page
        for row in case.rows:
            if row.sides:
                line = rf"^ +{row.sites:,} .* {re.escape(case.case)}$"
                assert re.search(line, page, re.M), (case.case, row.sites)


@pytest.mark.nightly("pages")
def test_page_and_picture_are_made_from_the_results(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    file = tmp_path / "cpu.json"
    file.write_bytes(FILES["cpu"].read_bytes())
    runpy.run_path(str(FOLDER / "page.py"))["main"]([file])
    assert file.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    page = file.with_suffix(".md").read_text(encoding="utf-8")
    assert "](cpu.png)" in page
    assert "decode-host: arrays of NumPy; samples: 1,000" in page
