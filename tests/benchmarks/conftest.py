"""Options, how a call is measured, and the table at the end."""

import json
import time
from pathlib import Path

import jax
import pytest

from benchmarks.counting import available_bytes
from benchmarks.register import CASES, SIDES
from benchmarks.results import Result, as_json, table
from tfmpe.preprocessing._atomic import write_atomically

SECONDS_PER_SIDE = 0.4
"""What the rounds of one side may take together."""

# Only files with tests are looked through for tests.
collect_ignore_glob = ["[!t]*.py"]

RESULTS = pytest.StashKey[list]()
OPTION = "bench_json"


def pytest_addoption(parser):
    """Add ``--bench-json FILE``."""
    parser.addoption(
        "--bench-json",
        dest=OPTION,
        metavar="FILE",
        type=Path,
        help="write the table of old against new to FILE, if nothing failed",
    )


def pytest_configure(config):
    """Refuse a file that cannot be written before minutes are spent."""
    file = config.getoption(OPTION, default=None)
    if file is not None and not file.absolute().parent.is_dir():
        raise pytest.UsageError(
            f"--bench-json {file}: its folder does not exist. Make it first."
        )


@pytest.fixture(scope="session")
def small(request):
    """Whether nothing is timed, so that the data can be small."""
    config = request.config
    return bool(config.getoption("benchmark_disable", default=False)) or bool(
        getattr(config, "workerinput", None)
    )


@pytest.fixture(scope="session")
def checked_case(small):
    """Build a case and check that its sides agree; keep the last one only.

    Cases hold up to a gigabyte, so one is forgotten before the next is made.
    """
    kept = {}

    def build(name):
        if name not in kept:
            kept.clear()
            case = CASES[name](small)
            available = available_bytes()
            if available is not None and available < case.needs:
                pytest.skip(
                    f"needs {case.needs / 1e9:.0f} GB of memory, there are "
                    f"{available / 1e9:.1f} GB"
                )
            old = case.sides["old"]().call()
            for side in SIDES[name]:
                if side != "old":
                    case.agree(old, case.sides[side]().call())
            kept[name] = case
        return kept[name]

    return build


@pytest.fixture
def record(request, benchmark):
    """Keep the times of this test, if it was timed, for the table."""

    def keep(case, mode, side, n_bytes, floor=""):
        if benchmark.stats is None:
            return
        benchmark.group = f"{mode}: {case}"
        benchmark.extra_info["bytes"] = n_bytes
        times = tuple(benchmark.stats.stats.data)
        request.config.stash.setdefault(RESULTS, []).append(
            Result(case, mode, side, times, n_bytes, floor)
        )

    return keep


@pytest.fixture
def measure(benchmark, small):
    """Time a call: as many rounds as fit, each long enough for the clock.

    Returns the result of the last call, ready.
    """

    def run(call):
        def ready():
            return jax.block_until_ready(call())

        if small:
            return benchmark.pedantic(ready)
        seconds = _rough_seconds(ready)
        iterations = max(1, min(1_000, round(2e-3 / seconds)))
        rounds = round(SECONDS_PER_SIDE / (iterations * seconds))
        return benchmark.pedantic(
            ready, rounds=max(3, min(50, rounds)), iterations=iterations
        )

    return run


def _rough_seconds(call):
    """Return the time of one call when warm."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        # Too long for the time of compiling to matter.
        if best > 1.0:
            break
    return max(best, 1e-7)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Print old against new, and write it where asked for."""
    results = config.stash.get(RESULTS, [])
    if results:
        terminalreporter.section("old against new")
        for line in table(results):
            terminalreporter.write_line(line)
    file = config.getoption(OPTION, default=None)
    if file is None:
        return
    if exitstatus or not results:
        terminalreporter.write_line(
            f"{file} was not written: "
            + ("something failed." if exitstatus else "nothing was timed.")
        )
        return
    text = json.dumps(as_json(results), indent=1) + "\n"
    write_atomically(file, text.encode())
