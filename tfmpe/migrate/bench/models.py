"""The data that is measured: the legacy package's epidemic example."""

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

GLOBALS = ("beta_0", "alpha", "sigma")
LOCALS = ("A", "T_season", "phi")
THETA_KEYS = (*GLOBALS, *LOCALS)
Y_KEYS = ("obs",)
N_OBS = 5
"""Observations of each site, the default of the legacy example."""

RULES: dict[str, list[Any]] = {
    "local": ["obs", *LOCALS],
    "cross": [],
    "cross_local": [(key, "obs", (0, 0)) for key in LOCALS],
}


class Size(NamedTuple):
    """How much data there is.

    Attributes
    ----------
    n_sites, n_samples : int
        Sites of a simulation, and simulations.
    """

    n_sites: int
    n_samples: int

    @property
    def n_theta(self) -> int:
        """Tokens of the parameters of one simulation."""
        return len(GLOBALS) + self.n_sites * len(LOCALS)

    @property
    def n_y(self) -> int:
        """Tokens of the observations of one simulation."""
        return self.n_sites * N_OBS

    @property
    def n_tokens(self) -> int:
        """Tokens of one simulation: 403 with 50 sites."""
        return self.n_theta + self.n_y

    @property
    def n_pairs(self) -> int:
        """Entries of the three masks of a legacy dictionary."""
        return self.n_theta**2 + self.n_y**2 + self.n_theta * self.n_y


class Model(NamedTuple):
    """Simulations of one data set.

    Attributes
    ----------
    theta, y : dict of Array, each of shape (*sample, *event, 1)
        Parameters and observations.
    inputs : dict of Array
        Functional inputs of every key, in the shape of its values; the
        legacy package asks for all of them.
    """

    theta: dict[str, Any]
    y: dict[str, Any]
    inputs: dict[str, Any]

    @property
    def both(self) -> dict[str, Any]:
        """The keys of theta, then those of y."""
        return {**self.theta, **self.y}

    @property
    def sides(self) -> dict[str, dict[str, Any]]:
        """The form that the legacy package takes."""
        return {"theta": self.theta, "y": self.y}

    @property
    def in_order(self) -> "Model":
        """The same with keys as listed here: jit sorts them."""
        return Model(
            {key: self.theta[key] for key in THETA_KEYS},
            {key: self.y[key] for key in Y_KEYS},
            self.inputs,
        )

    @property
    def swapped(self) -> dict[str, dict[str, Any]]:
        """Sides exchanged, as in the first stage of bottom-up training."""
        return {"theta": self.y, "y": self.theta}


def shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Return the shape of every key's array."""
    n, sites = size.n_samples, size.n_sites
    return {
        **dict.fromkeys(GLOBALS, (n, 1, 1)),
        **dict.fromkeys(LOCALS, (n, sites, 1)),
        "obs": (n, sites, N_OBS, 1),
    }


def slices(size: Size) -> dict[str, dict[str, Any]]:
    """Return where every key lies among the tokens, in the legacy form."""
    described, offset = {}, 0
    for key, shape in shapes(size).items():
        event_shape = shape[1:-1]
        described[key] = {
            "offset": offset,
            "event_shape": event_shape,
            "batch_shape": (1,),
        }
        offset += prod(event_shape)
    return described


@lru_cache(maxsize=3)
def seir(size: Size, seed: int = 0) -> Model:
    """Draw a data set; equal arguments give the same arrays.

    Put on the device without a compilation, so that a first call after it is
    still the first.
    """
    rng = np.random.default_rng(seed)

    def draw(key: str) -> Any:
        return jnp.asarray(
            rng.standard_normal(shapes(size)[key], dtype=np.float32)
        )

    theta = {key: draw(key) for key in THETA_KEYS}
    y = {key: draw(key) for key in Y_KEYS}
    inputs = {key: draw(key) for key in shapes(size)}
    return jax.block_until_ready(Model(theta, y, inputs))


def abstract_seir(size: Size) -> Model:
    """Return the shapes and dtypes of a data set, without its arrays."""
    leaves = {
        key: jax.ShapeDtypeStruct(shape, jnp.float32)
        for key, shape in shapes(size).items()
    }
    return Model(
        {key: leaves[key] for key in THETA_KEYS},
        {key: leaves[key] for key in Y_KEYS},
        leaves,
    )
