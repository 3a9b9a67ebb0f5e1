"""The committed result of a real run."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.results import machine, page

FILE = Path(__file__).parents[2] / "docs" / "benchmarks" / "cpu.json"


@pytest.fixture(scope="module")
def committed():
    return json.loads(FILE.read_text(encoding="utf-8"))


def _case(committed, name, mode="eager"):
    (found,) = (
        entry
        for entry in committed["cases"]
        if (entry["case"], entry["mode"]) == (name, mode)
    )
    return found


def test_joining_met_its_goal(committed):
    joining = _case(committed, "join 2 x 1,000, 50 sites")

    assert joining["bytes_ratio"] > 100
    assert joining["time_ratio"] > 20


def test_sampling_met_its_goals(committed):
    """Against the legacy call, and against its computation alone."""
    small, large = (
        _case(committed, f"100 posterior draws, {n} sites") for n in (10, 50)
    )

    assert small["time_ratio"] > 5
    for case in (small, large):
        assert case["bridge"]["median_s"] < case["floor"]["median_s"]


def test_it_has_every_kind_of_call(committed):
    modes = {entry["mode"] for entry in committed["cases"]}

    assert modes == {"eager", "jitted", "first call"}


def test_it_names_the_machine_by_its_kind_alone(committed):
    assert set(committed["machine"]) == set(machine())
    assert not re.search(r"/\w+/", FILE.read_text(encoding="utf-8"))


def test_its_page_shows_its_numbers(committed):
    text = FILE.with_suffix(".md").read_text(encoding="utf-8")

    assert text == page(committed)
