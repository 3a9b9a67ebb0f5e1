"""Parameters of tests of which `make test` takes a part."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def some_of(
    values: Iterable[Any], kept: Container[str], group: str
) -> list[Any]:
    """Return parameters; those that are not kept are left to `make nightly`.

    Parameters
    ----------
    values
        Values, each with a name of its own as its text.
    kept
        Names of the values that are part of `make test`.
    group
        What the end of the test run calls the others.
    """
    left = pytest.mark.nightly(group)
    return [
        pytest.param(value, id=name, marks=[left] * (name not in kept))
        for value, name in ((value, str(value)) for value in values)
    ]
