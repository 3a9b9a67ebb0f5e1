"""Mirror of the legacy module ``sfmpe.fmpe``: the path of flow matching."""

from typing import Any

import jax
import jax.numpy as jnp


def theta_t_linear(
    rng_key: Any, times: Any, theta: Any, sigma_min: float
) -> Any:
    """Draw positions on the straight path from noise to values.

    Parameters
    ----------
    rng_key : key array
        For the noise.
    times : array, shape (n,) or (n, 1, ...)
        From 0 (noise) to 1 (values), one for every row of ``theta``.
    theta : array, shape (n, ...)
        The values.
    sigma_min : float
        Width of the path's end, dimensionless.

    Returns
    -------
    Array, of the shape of ``theta``
        ``(1 - (1 - sigma_min) times) noise + times theta``.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad``. Legacy:
    ``sfmpe.fmpe.theta_t_linear``. Source: Lipman et al., 2023.
    """
    times = _column(times, theta)
    noise = jax.random.normal(rng_key, jnp.shape(theta))
    return (1.0 - (1.0 - sigma_min) * times) * noise + times * theta


def ut_linear(theta_t: Any, theta: Any, times: Any, sigma_min: float) -> Any:
    """Return the velocity of the path at a position.

    Parameters
    ----------
    theta_t : array, shape (n, ...)
        As drawn by :func:`theta_t_linear` at the same times.
    theta, times, sigma_min
        As there.

    Returns
    -------
    Array, of the shape of ``theta``
        ``(theta - (1 - sigma_min) theta_t) / (1 - (1 - sigma_min) times)``.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad``. Legacy:
    ``sfmpe.fmpe.ut_linear``. Source: Lipman et al., 2023.
    """
    times = _column(times, theta)
    shrunk = 1.0 - sigma_min
    return (theta - shrunk * theta_t) / (1.0 - shrunk * times)


def _column(times: Any, theta: Any) -> Any:
    """Give one time per row the number of axes of the values."""
    times = jnp.asarray(times)
    return times.reshape(times.shape + (1,) * (jnp.ndim(theta) - times.ndim))
