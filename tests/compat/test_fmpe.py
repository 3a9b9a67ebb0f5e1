"""The path of flow matching."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat.fmpe import theta_t_linear, ut_linear

THETA = jnp.arange(12.0).reshape((4, 3, 1))


@pytest.mark.parametrize("shape", [(4,), (4, 1, 1)])
def test_positions(shape):
    """From noise to values, one time per row."""
    key = jax.random.key(0)
    noise = jax.random.normal(key, THETA.shape)
    times = jnp.array([0.0, 0.25, 0.5, 1.0]).reshape(shape)
    found = theta_t_linear(key, times, THETA, 0.001)
    wanted = [
        (1 - 0.999 * t) * e + t * x
        for t, e, x in zip(times.ravel(), noise, THETA, strict=True)
    ]
    np.testing.assert_allclose(found, jnp.stack(wanted), rtol=1e-6)


def test_velocities_are_slopes_of_the_path():
    """Of a position in time, at fixed noise."""
    key, sigma_min = jax.random.key(1), 0.001
    times = jnp.array([0.1, 0.3, 0.6, 0.9])

    def position(times):
        return theta_t_linear(key, times, THETA, sigma_min)

    _, wanted = jax.jvp(position, (times,), (jnp.ones(4),))
    found = ut_linear(position(times), THETA, times, sigma_min)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
