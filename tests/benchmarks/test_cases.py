"""The cases of `tfmpe bench` as tests: checked to agree, then timed warm."""

import pytest

from tfmpe.migrate.bench.register import CASES
from tfmpe.migrate.bench.report import DIFFERENT

# They compile for several seconds.
SLOW = {
    "draws",
    "draws-local",
    "nine-arguments",
    "training-local",
    "training-step",
}


@pytest.mark.parametrize(
    ("name", "side"),
    [
        pytest.param(
            name, side, marks=[pytest.mark.slow] if name in SLOW else []
        )
        for name, case in CASES.items()
        for side in case.sides
    ],
)
def test_warm(name, side, checked_case, measure, benchmark):
    checked = checked_case(name)
    reason = checked.left_out.get(side)
    assert reason is None or not reason.startswith(DIFFERENT), reason
    if reason is not None:
        pytest.skip(reason)
    benchmark.group = name
    benchmark.extra_info["bytes"] = checked.sides[side].n_bytes
    measure(checked.sides[side].call.call)
