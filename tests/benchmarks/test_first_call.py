"""First calls, each in a fresh process."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.register import SIDES

CASES = [
    "flatten 1.6 MB",
    "flatten 1.6 MB, jitted",
    "join 2 x 1,000, 50 sites",
    "join 2 x 100, 50 sites, jitted",
    "views with sides exchanged",
    "change the values of one key",
    "decode",
]
ROUNDS = 3


class Clock:
    """A clock that another process moves on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        """Return the seconds that were told so far."""
        return self.now


CLOCK = Clock()
SCRIPT = Path(__file__).with_name("first_call.py")


def _in_a_fresh_process(name, side, small):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TFMPE_COMPAT": "ignore",
        # A compilation that was stored by an earlier process is no first one.
        "JAX_ENABLE_COMPILATION_CACHE": "false",
    }
    finished = subprocess.run(
        [sys.executable, SCRIPT, name, side, "small" if small else "full"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def pytest_generate_tests(metafunc):
    """Take every case where calls are timed, else see that one runs."""
    chosen = [
        (name, side)
        for name in CASES
        for side in SIDES[name]
        if side in ("old", "new")
    ]
    if metafunc.config.getoption("benchmark_disable", default=False):
        chosen = chosen[:1]
    metafunc.parametrize(("name", "side"), chosen)


@pytest.mark.benchmark(timer=CLOCK)
def test_first_call(name, side, small, benchmark, record):
    """Time one side's first call; each round is a process of its own."""
    grown = []

    def call():
        measured = _in_a_fresh_process(name, side, small)
        CLOCK.now += measured["seconds"]
        grown.append(measured["peak_bytes"])

    benchmark.pedantic(call, rounds=1 if small else ROUNDS)
    peak = None if None in grown else int(statistics.median(grown))
    record(name, "first call", side, peak)
