"""Fixtures that check a case once for all its sides and time a call."""

import jax
import pytest

pytest.importorskip("flax", reason="needs the extra flow")

from tfmpe.migrate.bench.cases import CASES
from tfmpe.migrate.bench.data import Size
from tfmpe.migrate.bench.machine import quiet
from tfmpe.migrate.bench.measure import check_sides
from tfmpe.migrate.bench.old_side import old_side


@pytest.fixture(scope="session")
def checked_case(request):
    """Build a case and check that its sides agree; keep only the last one.

    Cases hold up to a gigabyte, so each is deleted before the next is built. If
    nothing is timed, the data are small.
    """
    config, kept = request.config, {}
    small = config.getoption("benchmark_disable", default=False)
    small = small or getattr(config, "workerinput", None)

    def build(name):
        if name not in kept:
            kept.clear()
            case = CASES[name]
            n = case.samples
            size = Size(3, min(n, 4)) if small else Size(50, n)
            with quiet():
                kept[name] = check_sides(case, size, old_side("oracle"))
        return kept[name]

    return build


@pytest.fixture
def measure(benchmark):
    """Time a call after a warm-up."""

    def run(call):
        with quiet():
            benchmark(lambda: jax.block_until_ready(call()))

    return run
