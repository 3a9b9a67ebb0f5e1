"""Errors with whole messages."""

from contextlib import contextmanager

import pytest


@contextmanager
def refused(error, message):
    """Expect an error with exactly this message."""
    with pytest.raises(error) as caught:
        yield caught
    assert str(caught.value) == message
