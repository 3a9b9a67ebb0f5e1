"""Parameter sets and loops of which `make test` uses a part."""

from collections.abc import Iterable
from typing import Any

import pytest

from strategies import PROFILE


def several(nightly: int, test: int) -> int:
    """Return a number of repetitions, larger in `make nightly`."""
    return test if PROFILE == "test" else nightly


def some_of(
    values: Iterable[Any], kept: Iterable[Any], group: str
) -> list[Any]:
    """Return parameters; those not kept are left to `make nightly`.

    Values are distinguished by their text. The end of a test run reports how
    many were left, by group.
    """
    names, left = set(map(str, kept)), pytest.mark.nightly(group)
    return [
        pytest.param(value, id=name, marks=[left] * (name not in names))
        for value, name in ((value, str(value)) for value in values)
    ]
