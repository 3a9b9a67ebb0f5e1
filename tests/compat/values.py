"""Fixed values for the tests of the bridge, and comparison to the bit."""

import jax.numpy as jnp
import numpy as np

from tfmpe.migrate.replay.compare import compare


def normal(*shape, seed=0):
    """Return normal values that depend only on shape and seed."""
    drawn = np.random.default_rng([seed, *shape]).normal(size=shape)
    return jnp.asarray(drawn, jnp.float32)


def assert_identical(found, wanted):
    """Check order of keys, libraries, data types, shapes and bits."""
    differences = compare(wanted, found).differences
    assert not differences, "\n".join(map(str, differences))
