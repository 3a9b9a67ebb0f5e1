"""The three examples of the legacy package, as Tokens.

The keys, shapes and rules are those of the legacy package. The values are
arbitrary (0, 1, 2, …), because the examples only show masks and layouts.
"""

from collections.abc import Callable
from math import prod

import jax.numpy as jnp
from jax import Array

from tfmpe.preprocessing import Tokens

__all__ = [
    "EXAMPLES",
    "hierarchical_brownian",
    "hierarchical_gaussian",
    "seir",
]


def _counting(n_samples: int, *shape: int) -> Array:
    size = n_samples * prod(shape)
    return jnp.arange(size, dtype="float32").reshape(n_samples, *shape)


def _times(n_samples: int, n_units: int, n_obs: int) -> Array:
    times = jnp.arange(n_obs, dtype="float32").reshape(1, 1, n_obs, 1)
    return jnp.broadcast_to(times, (n_samples, n_units, n_obs, 1))


def _hierarchical(n_samples: int, n_theta: int, n_obs: int) -> dict[str, Array]:
    return {
        "mu": _counting(n_samples, 1, 1),
        "theta": _counting(n_samples, n_theta, 1),
        "obs": _counting(n_samples, n_theta, n_obs, 1),
    }


_HIERARCHICAL_RULES = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def hierarchical_gaussian(
    n_theta: int = 3, n_obs: int = 2, n_samples: int = 1
) -> Tokens:
    """Return a global mean, group means, and observations of each group.

    Parameters
    ----------
    n_theta
        Number of groups.
    n_obs
        Observations of each group.
    n_samples
        Number of simulations.

    Returns
    -------
    Tokens
        Keys mu, theta, obs; ``1 + n_theta * (1 + n_obs)`` tokens.

    Examples
    --------
    >>> hierarchical_gaussian().key_order
    ['mu', 'theta', 'obs']
    """
    return Tokens.from_pytree(
        _hierarchical(n_samples, n_theta, n_obs), _HIERARCHICAL_RULES
    )


def hierarchical_brownian(
    n_theta: int = 3, n_obs: int = 2, n_samples: int = 1
) -> Tokens:
    """Return a hierarchical model of paths that are observed at given times.

    Parameters
    ----------
    n_theta
        Number of paths.
    n_obs
        Observations of each path.
    n_samples
        Number of simulations.

    Returns
    -------
    Tokens
        The tokens of `hierarchical_gaussian`, with times as functional inputs
        (dummy times for mu and theta).
    """
    return Tokens.from_pytree(
        _hierarchical(n_samples, n_theta, n_obs),
        _HIERARCHICAL_RULES,
        functional_inputs={
            "mu": jnp.zeros((n_samples, 1, 1)),
            "theta": jnp.zeros((n_samples, n_theta, 1)),
            "obs": _times(n_samples, n_theta, n_obs),
        },
    )


def seir(n_sites: int = 3, n_obs: int = 2, n_samples: int = 1) -> Tokens:
    """Return an epidemic model with global and per-site parameters.

    Parameters
    ----------
    n_sites
        Number of sites; 50 in the legacy example.
    n_obs
        Observations of each site; 5 in the legacy example.
    n_samples
        Number of simulations.

    Returns
    -------
    Tokens
        Keys beta_0, alpha, sigma, A, T_season, phi, obs; times of the
        observations as functional inputs.
    """
    local = ["A", "T_season", "phi"]
    return Tokens.from_pytree(
        {
            **{
                key: _counting(n_samples, 1, 1)
                for key in ("beta_0", "alpha", "sigma")
            },
            **{key: _counting(n_samples, n_sites, 1) for key in local},
            "obs": _counting(n_samples, n_sites, n_obs, 1),
        },
        {
            "local": ["obs", *local],
            "cross_local": [(key, "obs", (0, 0)) for key in local],
        },
        functional_inputs={"obs": _times(n_samples, n_sites, n_obs)},
    )


EXAMPLES: dict[str, Callable[[], Tokens]] = {
    "hierarchical_gaussian": hierarchical_gaussian,
    "hierarchical_brownian": hierarchical_brownian,
    "seir": seir,
}
"""Every example by name, small enough to print."""
