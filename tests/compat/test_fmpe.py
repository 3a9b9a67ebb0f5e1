"""The path of flow matching."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat.fmpe import sample_power_law, theta_t_linear, ut_linear

THETA = np.arange(12.0).reshape((4, 3, 1))
TIMES = np.array([0.0, 0.25, 0.5, 1.0]).reshape((4, 1, 1))
SIGMA_MIN = 0.001


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=THETA.shape)


def test_positions(noise):
    """From noise to values; NumPy for NumPy."""
    found = theta_t_linear(noise, TIMES, THETA, SIGMA_MIN)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found[0], noise[0])
    np.testing.assert_allclose(found[3], THETA[3] + SIGMA_MIN * noise[3])
    np.testing.assert_allclose(
        found[2], (1 - 0.5 * (1 - SIGMA_MIN)) * noise[2] + 0.5 * THETA[2]
    )


def test_times_get_no_axes(noise):
    """They are broadcast as they are."""
    row = TIMES.ravel()
    assert theta_t_linear(noise, row, THETA, SIGMA_MIN).shape == (4, 3, 4)
    assert ut_linear(noise, THETA, row, SIGMA_MIN).shape == (4, 3, 4)


def test_velocities_are_slopes_of_the_path(noise):
    """Of a position in time, at fixed noise."""
    times = jnp.array([0.1, 0.3, 0.6, 0.9]).reshape((4, 1, 1))

    def position(times):
        return theta_t_linear(noise, times, THETA, SIGMA_MIN)

    _, wanted = jax.jvp(position, (times,), (jnp.ones_like(times),))
    found = ut_linear(position(times), THETA, times, SIGMA_MIN)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.25, -1.0, 2.0])
def test_times_follow_the_power_law(alpha):
    """Their distribution function, inverted at their ranks, is uniform."""
    low, high, power = 0.5, 2.0, 1 - alpha
    times = sample_power_law(jax.random.key(0), (4000,), alpha, low, high)
    assert low <= times.min() < times.max() <= high
    at = (times**power - low**power) / (high**power - low**power)
    ranks = (jnp.arange(4000) + 0.5) / 4000
    # Kolmogorov-Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand times.
    assert jnp.abs(jnp.sort(at) - ranks).max() < 0.031


def test_a_power_of_one_is_an_error():
    with pytest.raises(ZeroDivisionError):
        sample_power_law(jax.random.key(0), (1,), 1, 0.5, 2.0)
