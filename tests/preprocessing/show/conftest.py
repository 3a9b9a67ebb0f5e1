"""Tokens that the tests show."""

import numpy as np
import pytest

from tfmpe import Tokens


@pytest.fixture
def tokens() -> Tokens:
    """Return every kind of rule, functional inputs, both kinds of padding."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((4, 1, 2)),
            "theta": np.zeros((4, 2, 1)),
            "obs": np.zeros((4, 2, 3, 1)),
        },
        {
            "local": ["theta", "obs"],
            "cross": [("mu", "obs")],
            "cross_local": [("theta", "obs", (0, 0))],
        },
        {"obs": np.zeros((2, 3, 3))},
        event_shapes={"obs": np.array([[2, 3], [1, 2], [1, 1], [0, 0]])},
    )
