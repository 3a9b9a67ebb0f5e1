"""Comparison of trees of arrays."""

import jax
import numpy as np


def assert_same(found, wanted):
    """Check that structures are equal, and leaves are bit-identical."""
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for a, b in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
