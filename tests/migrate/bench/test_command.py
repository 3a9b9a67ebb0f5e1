"""`tfmpe bench`: what it prints and writes, and how it ends."""

import json
import sys
import time
from types import ModuleType

import pytest

pytest.importorskip("click", reason="needs the extra cli")
pytest.importorskip("flax", reason="needs the extra flow")

from click.testing import CliRunner

from tfmpe import cli as commands
from tfmpe.migrate import oracle
from tfmpe.migrate.bench import checking, run
from tfmpe.migrate.bench.growth import exponent
from tfmpe.migrate.bench.recorded import replay_recorded
from tfmpe.migrate.bench.register import CASES
from tfmpe.migrate.bench.report import Report
from tfmpe.migrate.bench.table import as_lines, as_markdown
from tfmpe.migrate.bench.timing import Effort, in_turn
from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings import stored

QUICK = ("bench", "--quick", "--case", "decode-host", "--max-sites", "3")


@pytest.fixture
def bench():
    """Return a runner of the command."""

    def run(*args):
        return CliRunner().invoke(commands.cli, [str(arg) for arg in args])

    return run


@pytest.fixture
def legacy(monkeypatch):
    """Make a legacy package out of the oracle, with functions replaced."""

    def make(**replaced):
        homes = {
            "util.dataloader": (
                "flatten_structured",
                "combine_data",
                "decode_theta",
                "build_self_attention_mask",
                "_flatten_index",
            ),
            "utils": ("split_data",),
            "sfmpe": ("_make_attention_masks",),
            "util": (),
            "": (),
        }
        for home, names in homes.items():
            name = f"wrong_legacy.{home}".rstrip(".")
            module = ModuleType(name)
            for function in names:
                found = replaced.get(function, getattr(oracle, function))
                setattr(module, function, found)
            monkeypatch.setitem(sys.modules, name, module)
        return "wrong_legacy"

    return make


def test_equal_sides_end_in_0_and_are_written(bench, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    files = [tmp_path / f"out.{kind}" for kind in ("json", "md", "png")]
    options = zip(("--json", "--markdown", "--plot"), files, strict=True)
    result = bench(*QUICK, *(part for each in options for part in each))

    assert result.exit_code == 0, result.output
    assert "decode-host: arrays of NumPy; samples: 16" in result.output
    assert "The old side is the oracle of the tests;" in result.output
    assert max(map(len, result.output.splitlines())) <= 100
    report = Report.from_json(files[0].read_text())
    assert as_markdown(report, "out.png") == files[1].read_text()
    assert files[2].read_bytes().startswith(b"\x89PNG")


def test_the_json_says_everything(bench, tmp_path):
    file = tmp_path / "out.json"
    bench(*QUICK, "--json", file)
    written = json.loads(file.read_text())

    assert written["format"] == 3
    assert written["exit_code"] == 0
    assert written["machine"]["copy_bytes_per_s"] > 0
    assert {each["function"] for each in written["recordings"]} == set(
        CASES["decode-host"].recorded
    )
    (case,) = written["cases"]
    one, three = case["rows"]
    assert (one["sites"], three["sites"]) == (1, 3)
    assert set(one["sides"]) == {"old", "new", "bridge"}
    assert set(one["sides"]["old"]) == {
        *("median_s", "q1_s", "q3_s", "rounds", "calls"),
        *("bytes", "compile_s"),
    }
    assert one["time_ratio"] == pytest.approx(
        one["sides"]["old"]["median_s"] / one["sides"]["new"]["median_s"]
    )
    assert case["growth"]["new"]["bytes"]["exponent"] == pytest.approx(
        exponent([1, 3], [4 * 16 * 11, 4 * 16 * 27])[0]
    )


def test_an_installed_package_can_be_the_old_side(bench):
    result = bench(*QUICK, "--legacy", "tfmpe.compat")
    assert result.exit_code == 0, result.output
    assert "The old side is tfmpe.compat;" in result.output


def test_an_old_side_that_errs_is_not_timed(bench, legacy):
    def wrong(theta, slices, shape):
        decoded = oracle.decode_theta(theta, slices, shape)
        return {key: value + 1 for key, value in decoded.items()}

    result = bench(*QUICK, "--legacy", legacy(decode_theta=wrong))
    assert result.exit_code == 1
    assert "old: decode_theta does not repeat the recordings" in result.output
    assert "DIFFERENT recorded decode_theta: seir " in result.output
    assert " ms " not in result.output


def test_sides_that_differ_are_not_timed(bench, monkeypatch):
    monkeypatch.setattr(
        "tfmpe.preprocessing._tokens.Tokens.decode",
        lambda tokens, flat=None: {"obs": flat},
    )
    result = bench(*QUICK)
    assert result.exit_code == 1
    assert "new: differs: keys ['obs'], expected ['beta_0'" in result.output
    assert "DIFFERENT decode-host, 1 sites, new: differs" in result.output
    assert " us " not in result.output


def test_too_little_memory_ends_in_3(bench, monkeypatch):
    monkeypatch.setattr(checking, "available_bytes", lambda: 1_000)
    result = bench(*QUICK)
    assert result.exit_code == 3
    assert "old: needs 0.0 GB of memory, 0.0 GB are free" in result.output
    assert "nothing was compared" in result.output


def test_no_recordings_end_in_3(bench, monkeypatch, tmp_path):
    monkeypatch.setattr(stored, "_PACKAGE", tmp_path / "tfmpe")
    result = bench(*QUICK)
    assert result.exit_code == 3
    assert "no stored legacy output" in result.output


def test_an_altered_recording_is_named(folder, tmp_path):
    del tmp_path
    (folder / "seir").mkdir(exist_ok=True)
    with pytest.raises(RecordingError):
        replay_recorded(run.legacy_side("oracle"), "split_data", folder=folder)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--case", "jion"], "unknown case 'jion'; the cases are: flatten,"),
        (["--legacy", "no_such_package"], "there is no module no_such_package"),
        (["--legacy", "json"], "there is no module json.util"),
        (["--max-sites", "0"], "is not in the range"),
        (["--json", "no/such/x.json"], "does not exist"),
        (["--plot", "no/such/x.png"], "does not exist"),
        (["--markdown", "no/such/x.md"], "does not exist"),
        (["--device", "tpu"], "is not one of"),
    ],
)
def test_wrong_usage_ends_in_2(bench, args, message):
    result = bench("bench", *args)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_sizes_that_the_old_side_cannot_do_are_checked_by_a_law():
    for case in CASES.values():
        if case.further_sites:
            assert "new" in case.sides, case.name
            assert max(case.sites) < min(case.further_sites), case.name


def test_growth_is_fitted_to_the_larger_sizes():
    sites = [1, 10, 50, 100, 200, 500]
    values = [9.0, 9.0, 9.0, 100.0, 200.0, 500.0]
    assert exponent(sites, values) == (1.0, (100, 200, 500))
    assert exponent([1], [1.0]) is None


def test_a_table_of_nothing_has_its_headings():
    lines = as_lines(Report("oracle", {"copy_bytes_per_s": 1e9}))
    assert lines[-1] == "nothing was compared"


def test_a_call_that_compiles_again_is_not_measured_cold():
    calls = []

    def forgetful():
        calls.append(len(calls))
        if len(calls) == 1:
            time.sleep(1.1)

    found = in_turn({"one": forgetful}, Effort(0.01, 3, 5))["one"]
    assert found.q3 < 0.1
