"""Every case, side by side: checked to agree, then timed warm."""

import pytest

from benchmarks.register import SIDES


@pytest.fixture(autouse=True)
def silent_bridge(monkeypatch):
    """Keep the bridge from warning of what the cases do on purpose."""
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")


@pytest.mark.parametrize(
    ("name", "side"),
    [(name, side) for name, sides in SIDES.items() for side in sides],
)
def test_warm(name, side, checked_case, measure, record):
    """Time one side of a case whose sides agree."""
    case = checked_case(name)
    prepared = case.sides[side]()
    result = measure(prepared.call)
    record(name, case.mode, side, prepared.count(result), case.floor)
