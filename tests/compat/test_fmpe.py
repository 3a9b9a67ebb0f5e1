"""Path and times of flow matching."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat.fmpe import sample_power_law, theta_t_linear, ut_linear

THETA = np.arange(12.0).reshape((4, 3))
NOISE = np.random.default_rng(0).normal(size=(4, 3))


def test_positions():
    """Times are broadcast, and NumPy inputs give NumPy results."""
    times = np.array([0.0, 0.25, 0.5, 1.0])[:, None]
    found = theta_t_linear(NOISE, times, THETA, 0.001)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found[0], NOISE[0])
    np.testing.assert_allclose(found[3], THETA[3] + 0.001 * NOISE[3])
    with pytest.raises(ValueError, match="broadcast"):
        theta_t_linear(NOISE, times[:, 0], THETA, 0.001)


def test_velocities_are_slopes_of_the_path():
    """The velocity is the derivative of the position at fixed noise."""
    times = jnp.array([0.1, 0.3, 0.6, 0.9])[:, None]

    def position(times):
        return theta_t_linear(NOISE, times, THETA, 0.001)

    _, wanted = jax.jvp(position, (times,), (jnp.ones((4, 1)),))
    found = ut_linear(position(times), THETA, times, 0.001)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_power_law_has_its_moments():
    """The density is proportional to x^-1/4 on [0, 1], so the mean is 3/7."""
    drawn = sample_power_law(jax.random.key(0), (40_000,), 0.25, 1e-9, 1.0)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    # Tolerance: five standard errors of the mean.
    assert abs(float(drawn.mean()) - 3 / 7) < 0.008
    with pytest.raises(ZeroDivisionError):
        sample_power_law(jax.random.key(0), (1,), 1, 0.1, 1.0)
