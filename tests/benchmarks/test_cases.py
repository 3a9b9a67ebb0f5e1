"""Cases of `tfmpe bench` as tests: checked, then timed warm."""

import pytest

pytest.importorskip("flax", reason="needs the extra flow")

from tfmpe.migrate.bench.cases import CASES
from tfmpe.migrate.bench.measure import DIFFERENT

# They compile for several seconds; `make bench` checks them as well.
LEFT = {
    "draws",
    "draws-local",
    "nine-arguments",
    "training-local",
    "training-step",
}
NIGHTLY = pytest.mark.nightly("benchmark cases")


@pytest.mark.parametrize(
    ("name", "side"),
    [
        pytest.param(name, side, marks=[NIGHTLY] if name in LEFT else [])
        for name, case in CASES.items()
        for side in case.sides
    ],
)
def test_warm(name, side, checked_case, measure, benchmark):
    checked, left_out = checked_case(name)
    reason = left_out.get(side)
    assert reason is None or not reason.startswith(DIFFERENT), reason
    if reason is not None:
        pytest.skip(reason)
    benchmark.group = name
    benchmark.extra_info["bytes"] = checked[side].n_bytes
    measure(checked[side])
