"""Parameter sets of which `make test` uses a part."""

from collections.abc import Iterable
from typing import Any

import pytest


def some_of(
    values: Iterable[Any], kept: Iterable[Any], group: str
) -> list[Any]:
    """Return parameters; those that are not kept are left to `make nightly`.

    Values are told apart by their texts. The end of a test run counts what was
    left by its group.
    """
    names, left = set(map(str, kept)), pytest.mark.nightly(group)
    return [
        pytest.param(value, id=name, marks=[left] * (name not in names))
        for value, name in ((value, str(value)) for value in values)
    ]
