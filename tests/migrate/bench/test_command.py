"""`tfmpe bench`: output, files and exit codes."""

import time

import pytest

from nightly import some_of

pytest.importorskip("flax", reason="needs the extra flow")

from tfmpe.migrate.bench import measure
from tfmpe.migrate.bench.cases import CASES
from tfmpe.migrate.bench.growth import exponent
from tfmpe.migrate.bench.measure import Effort, in_turn
from tfmpe.migrate.recordings import stored
from tfmpe.migrate.records.files import read_record

QUICK = ("bench", "--quick", "--case", "decode-host", "--max-sites", "3")


def test_equal_sides_end_in_0_and_are_written(run, tmp_path):
    result = run(*QUICK, "--json", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    assert "decode-host: arrays of NumPy; samples: 16" in result.output
    assert "The old side is the built-in oracle; 6 recorded" in result.output
    found = read_record(tmp_path / "out.json")
    recorded = {each.function for each in found.recordings}
    assert recorded == set(CASES["decode-host"].recorded)
    (case,) = found.cases
    assert [row.sites for row in case.rows] == [1, 3]
    for row in case.rows:
        assert list(row.sides) == ["old", "new", "bridge"]
        for side in row.sides.values():
            low, high = side.quartiles_s
            assert 0 < low <= side.median_s <= high
            assert side.cpu_s >= 0
            assert side.bytes == 4 * 16 * (3 + 8 * row.sites)
    assert case.growth["new"]["bytes"] == exponent([1, 3], [11, 27])


@pytest.mark.parametrize(
    "case",
    some_of(
        ["decode-host", "nine-arguments"], ["decode-host"], "benchmark cases"
    ),
)
def test_an_installed_package_can_be_the_old_side(run, legacy, case):
    legacy()
    quick = ("bench", "--quick", "--max-sites", "1", "--case", case)
    result = run(*quick, "--legacy", "sfmpe")
    assert result.exit_code == 0, result.output
    assert "The old side is sfmpe;" in result.output


def test_an_old_side_that_errs_is_not_timed(run, legacy):
    legacy("decoded")
    result = run(*QUICK, "--legacy", "sfmpe")
    assert result.exit_code == 1
    assert "decode_theta does not reproduce the recordings" in result.output
    assert "DIFFERENT recorded decode_theta: " in result.output
    assert "16 samples" not in result.output


def test_sides_that_differ_are_not_timed(run, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "tfmpe.preprocessing.tokens.tokens.Tokens.decode",
        lambda tokens, flat=None: {"obs": flat},
    )
    result = run(*QUICK, "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    assert "new: differs: 2 leaves, expected 14" in result.output
    assert "DIFFERENT decode-host, 1 site, new: differs" in result.output
    (case,) = read_record(tmp_path / "out.json").cases
    assert [row.sides for row in case.rows] == [{}, {}]


def test_what_cannot_be_measured_ends_in_3(run, monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "available_bytes", lambda: 1_000)
    result = run(*QUICK)
    assert result.exit_code == 3
    assert "of memory, 1000 B are free" in result.output
    assert "nothing was compared" in result.output
    monkeypatch.setattr(stored, "_PACKAGE", tmp_path / "tfmpe")
    result = run(*QUICK)
    assert result.exit_code == 3
    assert "no stored legacy output" in result.output


def test_sizes_that_the_old_side_cannot_do_are_checked_by_a_law():
    further = [case for case in CASES.values() if case.further]
    assert all(case.has_new and case.law for case in further)
    assert all(max(case.sites) < min(case.further) for case in further)


def test_growth_is_fitted_to_the_larger_sizes():
    sites = [1, 10, 50, 100, 200, 500]
    found = exponent(sites, [9.0, 9.0, 9.0, 100.0, 200.0, 500.0])
    assert (found.exponent, found.sites) == (1.0, (100, 200, 500))
    assert exponent([1], [1.0]) is None


def test_a_call_that_compiles_again_is_not_measured_cold():
    calls = []

    def forgetful():
        calls.append(len(calls))
        if len(calls) == 1:
            time.sleep(1.1)

    seconds, cpu, _ = in_turn({"one": forgetful}, Effort(0.01, 3, 5))["one"]
    assert max(seconds) < 0.1
    assert len(seconds) == len(cpu) >= 3
