"""Checking a case once for all its sides, and timing a call."""

import pytest

from tfmpe.migrate.bench.checking import check_sides
from tfmpe.migrate.bench.legacy import from_oracle
from tfmpe.migrate.bench.models import Size
from tfmpe.migrate.bench.register import CASES
from tfmpe.migrate.bench.surroundings import quiet
from tfmpe.migrate.bench.timing import ready


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
            case = CASES[name]
            size = case.small() if small else Size(case.middle, case.n_samples)
            with quiet():
                kept[name] = check_sides(case, size, from_oracle())
        return kept[name]

    return build


@pytest.fixture
def measure(benchmark):
    """Time a call that is warm."""

    def run(call):
        with quiet():
            benchmark(lambda: ready(call))

    return run
