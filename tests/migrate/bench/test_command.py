"""`tfmpe bench`: what it prints and writes, and how it ends."""

import sys
import time

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("flax", reason="needs the extra flow")

from click.testing import CliRunner

from tfmpe.cli import cli
from tfmpe.migrate.bench import measure
from tfmpe.migrate.bench.cases import CASES
from tfmpe.migrate.bench.growth import exponent
from tfmpe.migrate.bench.measure import Effort, in_turn
from tfmpe.migrate.recordings import stored
from tfmpe.migrate.records.files import read_record

QUICK = ("bench", "--quick", "--case", "decode-host", "--max-sites", "3")

# A legacy package of plain functions, as small as it can be.
PLAIN = {
    "__init__": "",
    "util/__init__": "",
    "util/dataloader": """
from tfmpe.migrate.oracle import (
    _flatten_index,
    build_self_attention_mask,
    combine_data,
    decode_theta,
    flatten_structured,
)
""",
    "utils": "from tfmpe.migrate.oracle import split_data",
    "sfmpe": "from tfmpe.migrate.oracle import _make_attention_masks",
    "structured_cnf": """
from tfmpe.migrate import oracle


class StructuredCNF:
    def __init__(self, vf_model, rngs):
        self.vf_model, self.rngs = vf_model, rngs

    def sample(self, *args, theta_0=None, **kwargs):
        return oracle.sample(self.vf_model, *args, theta_0=theta_0, **kwargs)
""",
}
WRONG = """
    _decode = decode_theta

    def decode_theta(*args):
        return {key: value + 1 for key, value in _decode(*args).items()}
"""


@pytest.fixture
def bench():
    """Return a runner of the command."""

    def run(*args):
        return CliRunner().invoke(cli, [str(arg) for arg in args])

    return run


@pytest.fixture
def plain(tmp_path, monkeypatch):
    """Return the folder of an installed package of plain functions."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "plain_legacy"
    for name, text in PLAIN.items():
        file = package / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    yield package
    for name in [n for n in sys.modules if n.startswith("plain_legacy")]:
        del sys.modules[name]


def test_equal_sides_end_in_0_and_are_written(bench, tmp_path):
    result = bench(*QUICK, "--json", tmp_path / "out.json")
    assert result.exit_code == 0, result.output
    assert "decode-host: arrays of NumPy; samples: 16" in result.output
    assert "The old side is the plain oracle; 6 recorded" in result.output
    found = read_record(tmp_path / "out.json")
    assert {each.function for each in found.recordings} == set(
        CASES["decode-host"].recorded
    )
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


@pytest.mark.parametrize("case", ["decode-host", "nine-arguments"])
def test_an_installed_package_can_be_the_old_side(bench, plain, case):
    quick = ("bench", "--quick", "--max-sites", "1", "--case", case)
    result = bench(*quick, "--legacy", plain.name)
    assert result.exit_code == 0, result.output
    assert "The old side is plain_legacy;" in result.output


def test_an_old_side_that_errs_is_not_timed(bench, plain):
    module = plain / "util" / "dataloader.py"
    module.write_text(module.read_text() + WRONG.replace("\n    ", "\n"))
    result = bench(*QUICK, "--legacy", plain.name)
    assert result.exit_code == 1
    assert "old: decode_theta does not repeat the recordings" in result.output
    assert "DIFFERENT recorded decode_theta: " in result.output
    assert "16 samples" not in result.output


def test_sides_that_differ_are_not_timed(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "tfmpe.preprocessing._tokens.Tokens.decode",
        lambda tokens, flat=None: {"obs": flat},
    )
    result = bench(*QUICK, "--json", tmp_path / "out.json")
    assert result.exit_code == 1
    assert "new: differs: 2 leaves, expected 14" in result.output
    assert "DIFFERENT decode-host, 1 site, new: differs" in result.output
    (case,) = read_record(tmp_path / "out.json").cases
    assert [row.sides for row in case.rows] == [{}, {}]


def test_too_little_memory_ends_in_3(bench, monkeypatch):
    monkeypatch.setattr(measure, "available_bytes", lambda: 1_000)
    result = bench(*QUICK)
    assert result.exit_code == 3
    assert "of memory, 1000 B are free" in result.output
    assert "nothing was compared" in result.output


def test_no_recordings_end_in_3(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "_PACKAGE", tmp_path / "tfmpe")
    result = bench(*QUICK)
    assert result.exit_code == 3
    assert "no stored legacy output" in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--case", "jion"], "unknown case 'jion'; the cases are: flatten,"),
        (["--legacy", "no_such_package"], "No module named 'no_such_package'"),
        (["--legacy", "json"], "No module named 'json.util'"),
        (["--max-sites", "0"], "is not in the range"),
        (["--json", "no/such/x.json"], "does not exist"),
        (["--device", "tpu"], "is not one of"),
    ],
)
def test_wrong_usage_ends_in_2(bench, args, message):
    result = bench("bench", *args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_sizes_that_the_old_side_cannot_do_are_checked_by_a_law():
    for name, case in CASES.items():
        if case.further:
            assert case.has_new, name
            assert case.law, name
            assert max(case.sites) < min(case.further), name


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
